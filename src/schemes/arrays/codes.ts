import type { ArrayScheme, QuantizedArray } from '../../model/array-scheme.ts'
import { packBits, packedBitsLength, unpackBits } from '../../numbers/pack-bits.ts'
import { packedTritsLength, packTrits, unpackTrits } from '../../numbers/pack-trits.ts'
import { eachGroup, elementCountOf } from './grouping.ts'
import { loadParameters, totalCount } from './parameter-store.ts'
import { codeBits, codeCount } from './quantize-array.ts'

/** Codes of a quantized array, one element each, in stored order. */
export function unpackedCodes(quantized: QuantizedArray, scheme: ArrayScheme): Uint16Array {
  const codes = new Uint16Array(codeCount(scheme, quantized.shape))
  if (scheme.codec.packing === 'trits') return unpackTrits(quantized.codes, codes)
  return unpackBits(quantized.codes, codeBits(scheme.codec), codes)
}

/** The same array with other codes. */
export function withCodes(quantized: QuantizedArray, scheme: ArrayScheme, codes: Uint16Array): QuantizedArray {
  if (scheme.codec.packing === 'trits') {
    return { ...quantized, codes: packTrits(codes, new Uint8Array(packedTritsLength(codes.length))) }
  }
  const bits = codeBits(scheme.codec)
  return { ...quantized, codes: packBits(codes, bits, new Uint8Array(packedBitsLength(codes.length, bits))) }
}

/** Step between levels at every element of an array in evenly spaced codes. */
export function stepsOf(quantized: QuantizedArray, { codec, grouping }: ArrayScheme): Float32Array {
  const steps = new Float32Array(elementCountOf(quantized.shape))
  const position = codec.parameters.findIndex(({ name }) => name === 'scales')
  const before = totalCount(codec.parameters.slice(0, position))
  const arrays = codec.parameters.map(({ name }) => quantized.parameters[name]!)
  const parameters = new Float32Array(totalCount(codec.parameters))
  eachGroup(quantized.shape, grouping, ({ index, start, rows, columns, stride }) => {
    loadParameters(codec.parameters, arrays, index, parameters)
    const step = parameters[before] as number
    for (let row = 0, at = start; row < rows; row++, at += stride) steps.fill(step, at, at + columns)
  })
  return steps
}
