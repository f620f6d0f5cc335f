import { TersorError } from '../../errors.ts'
import type { ArrayScheme, ParameterArray, ParameterSpec, QuantizedArray } from '../../model/array-scheme.ts'
import { codeCount } from './code-count.ts'
import { eachGroup, elementCountOf, groupCount, largestGroup } from './grouping.ts'
import { loadParameters, totalCount } from './parameters.ts'
import type { Storage } from './storage.ts'

/** Values of a quantized array, row-major. Throws E_FORMAT when its parts do not fit its shape and scheme. */
export function decodeWith(storage: Storage, quantized: QuantizedArray, scheme: ArrayScheme): Float32Array {
  const { codec, grouping } = scheme
  const { shape } = quantized
  if (shape.some((size) => !(Number.isInteger(size) && size >= 0))) {
    throw new TersorError('E_FORMAT', `expected a shape of counts, found [${shape.join(', ')}]`)
  }
  // Before anything is laid out by the shape: no code is smaller than a bit, and none stands for more values than its vector.
  const elements = elementCountOf(shape)
  // Not so written the other way round: sizes without end times zero are not a number.
  if (!(elements <= quantized.codes.length * 8 * codec.vector)) {
    throw new TersorError('E_FORMAT', `${quantized.codes.length} bytes of codes cannot hold ${elements} values`)
  }
  const groups = groupCount(shape, grouping)
  const arrays = codec.parameters.map((spec) => partOf(storage, quantized, spec, groups))
  const shared = new Float32Array(totalCount(codec.shared))
  const sharedArrays = codec.shared.map((spec) => partOf(storage, quantized, spec, 1))
  loadParameters(storage, codec.shared, sharedArrays, 0, shared)

  const count = codeCount(scheme, shape)
  const need = storage.packedLength(codec, count)
  if (quantized.codes.length !== need) {
    throw new TersorError('E_FORMAT', `expected ${need} bytes of codes, found ${quantized.codes.length}`)
  }
  const codes = storage.unpack(codec, quantized.codes, new Uint16Array(count))
  for (let i = 0; i < count; i++) {
    if ((codes[i] as number) < codec.levels) continue
    throw new TersorError('E_FORMAT', `code ${i} is ${codes[i]}; ${scheme.id} has codes 0 to ${codec.levels - 1}`)
  }

  const values = new Float32Array(elements)
  const most = largestGroup(shape, grouping)
  const own = new Uint16Array(Math.ceil(most / codec.vector))
  const decoded = new Float32Array(most)
  const parameters = new Float32Array(totalCount(codec.parameters))
  let next = 0
  eachGroup(shape, grouping, ({ index, start, rows, columns, stride }) => {
    loadParameters(storage, codec.parameters, arrays, index, parameters)
    const size = rows * columns
    const length = Math.ceil(size / codec.vector)
    if (codec.vector === 1) {
      let at = 0
      for (let row = 0, from = start; row < rows; row++, from += stride) {
        for (let i = 0; i < columns; i++) own[at++] = codes[from + i] as number
      }
    } else own.set(codes.subarray(next, next + length))
    next += length
    const target = decoded.subarray(0, size)
    codec.decode(own.subarray(0, length), parameters, shared, target)
    let at = 0
    for (let row = 0, to = start; row < rows; row++, to += stride, at += columns) {
      values.set(target.subarray(at, at + columns), to)
    }
  })
  return values
}

function partOf(storage: Storage, quantized: QuantizedArray, spec: ParameterSpec, groups: number): ParameterArray {
  const part = quantized.parameters[spec.name]
  const expected = storage.parameters(spec.type, spec.count * groups)
  if (part === undefined || part.constructor !== expected.constructor || part.length !== expected.length) {
    const kind = expected.constructor.name
    throw new TersorError(
      'E_FORMAT',
      `expected "${spec.name}" as ${kind} of ${expected.length}, found ${part ? `${part.constructor.name} of ${part.length}` : 'nothing'}`,
    )
  }
  return part
}
