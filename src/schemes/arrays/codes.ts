import type { ArrayScheme, QuantizedArray } from '../../model/array-scheme.ts'
import { codeCount } from './code-count.ts'
import { FULL_STORAGE } from './full-storage.ts'
import { eachGroup, elementCountOf } from './grouping.ts'
import { loadParameters, totalCount } from './parameters.ts'

/** Codes of a quantized array, one element each, in stored order. */
export function unpackedCodes(quantized: QuantizedArray, scheme: ArrayScheme): Uint16Array {
  return FULL_STORAGE.unpack(scheme.codec, quantized.codes, new Uint16Array(codeCount(scheme, quantized.shape)))
}

/** The same array with other codes. */
export function withCodes(quantized: QuantizedArray, scheme: ArrayScheme, codes: Uint16Array): QuantizedArray {
  return { ...quantized, codes: FULL_STORAGE.pack(scheme.codec, codes) }
}

/** Step between levels at every element of an array in evenly spaced codes. */
export function stepsOf(quantized: QuantizedArray, { codec, grouping }: ArrayScheme): Float32Array {
  const steps = new Float32Array(elementCountOf(quantized.shape))
  const position = codec.parameters.findIndex(({ name }) => name === 'scales')
  const before = totalCount(codec.parameters.slice(0, position))
  const arrays = codec.parameters.map(({ name }) => quantized.parameters[name]!)
  const parameters = new Float32Array(totalCount(codec.parameters))
  eachGroup(quantized.shape, grouping, ({ index, start, rows, columns, stride }) => {
    loadParameters(FULL_STORAGE, codec.parameters, arrays, index, parameters)
    const step = parameters[before] as number
    for (let row = 0, at = start; row < rows; row++, at += stride) steps.fill(step, at, at + columns)
  })
  return steps
}
