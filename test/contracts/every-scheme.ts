import { expect } from 'vitest'
import { createKernelsSync } from '../../src/kernels/index.ts'
import type { ArrayScheme, Effort, ParameterSpec, QuantizedArray } from '../../src/model/array-scheme.ts'
import { FULL_STORAGE } from '../../src/schemes/arrays/full-storage.ts'
import { eachGroup, groupCount } from '../../src/schemes/arrays/grouping.ts'
import { codeBits, decodeArray, encodeArray } from '../../src/schemes/arrays/index.ts'
import { PARAMETER_BITS } from '../../src/schemes/arrays/parameter-store.ts'
import { loadParameters, totalCount } from '../../src/schemes/arrays/parameters.ts'

/** Everything that holds for any scheme, shape and finite values, checked on one array of one scheme. */
export interface SchemeCase {
  readonly scheme: ArrayScheme
  readonly shape: readonly number[]
  readonly values: Float32Array
  readonly effort: Effort
}

const kernels = createKernelsSync()

export function expectPromises(one: SchemeCase): QuantizedArray {
  const { scheme, shape, values, effort } = one
  const before = values.slice()
  const quantized = encodeArray(values, scheme, { shape, effort })
  expect(values, 'the input is not touched').toEqual(before)
  expect(quantized.scheme).toBe(scheme.id)
  expect(quantized.shape).toEqual(shape)
  const decoded = decodeArray(quantized, scheme)
  expect(decoded.length).toBe(values.length)
  expectDense(scheme, quantized)
  expectBound(one, quantized, decoded)
  if (scheme.codec.exactZero && scheme.codec.vector === 1) {
    for (const [i, x] of values.entries())
      if (x === 0) expect(decoded[i] === 0, `zero at ${i} is ${decoded[i]}`).toBe(true)
  }
  if (effort === 'closed' || scheme.codec.vector > 1) expectStable(one, quantized, decoded)
  if (effort === 'closed' && scheme.codec.kernel !== undefined) {
    expect(encodeArray(values, scheme, { shape, effort }, kernels)).toEqual(quantized)
    expect(decodeArray(quantized, scheme, kernels)).toEqual(decoded)
  }
  return quantized
}

/** No bit more than codes and parameters need. */
function expectDense({ codec, grouping }: ArrayScheme, { codes, parameters, shape }: QuantizedArray): void {
  let count = 0
  eachGroup(shape, grouping, ({ rows, columns }) => {
    count += Math.ceil((rows * columns) / codec.vector)
  })
  if (codec.vector === 1) expect(count).toBe(shape.reduce((product, size) => product * size, 1))
  expect(codes.length).toBe(codec.packing === 'trits' ? Math.ceil(count / 5) : Math.ceil((count * codeBits(codec)) / 8))
  const groups = groupCount(shape, grouping)
  const bytes = (specs: readonly ParameterSpec[], times: number) =>
    specs.map(({ name, type, count: each }) => [name, Math.ceil((PARAMETER_BITS[type] * each * times) / 8)] as const)
  expect(new Map(Object.entries(parameters).map(([name, array]) => [name, array.byteLength]))).toEqual(
    new Map([...bytes(codec.parameters, groups), ...bytes(codec.shared, 1)]),
  )
}

/** Every error is within what `errorBound` says of the group, up to f32 rounding of the decoded value. */
function expectBound({ scheme, shape, values }: SchemeCase, quantized: QuantizedArray, decoded: Float32Array): void {
  const { codec, grouping } = scheme
  const arrays = (specs: readonly ParameterSpec[]) => specs.map(({ name }) => quantized.parameters[name]!)
  const shared = new Float32Array(totalCount(codec.shared))
  loadParameters(FULL_STORAGE, codec.shared, arrays(codec.shared), 0, shared)
  const parameters = new Float32Array(totalCount(codec.parameters))
  eachGroup(shape, grouping, ({ index, start, rows, columns, stride }) => {
    loadParameters(FULL_STORAGE, codec.parameters, arrays(codec.parameters), index, parameters)
    const places: number[] = []
    for (let row = 0, at = start; row < rows; row++, at += stride) for (let i = 0; i < columns; i++) places.push(at + i)
    const low = places.reduce((least, at) => Math.min(least, values[at]!), Infinity)
    const high = places.reduce((most, at) => Math.max(most, values[at]!), -Infinity)
    const bound = codec.errorBound(parameters, shared, low, high)
    expect(Number.isNaN(bound), 'the bound is a number').toBe(false)
    const rounding = (Math.max(-low, high) + bound) * 2 ** -22 + 1e-44
    for (const at of places) {
      const found = decoded[at]!
      if (bound !== Infinity) expect(Number.isFinite(found), `value ${at} decodes to ${found}`).toBe(true)
      const error = Math.abs(values[at]! - found)
      if (!(error <= bound + rounding)) {
        expect.fail(`value ${at} of group ${index}: ${values[at]} became ${found}, ${error} away; bound ${bound}`)
      }
    }
  })
}

/** On the same grid, decoded values become themselves. */
function expectStable({ scheme, shape, effort }: SchemeCase, quantized: QuantizedArray, decoded: Float32Array): void {
  if (!decoded.every(Number.isFinite)) return
  const grid = gridOf(scheme, quantized)
  const again = encodeArray(decoded, scheme, { shape, effort, ...(grid ? { grid } : {}) })
  expect(decodeArray(again, scheme), 'decoded values decode to themselves').toEqual(decoded)
}

/** Parameters of an array as the `grid` option takes them. */
export function gridOf({ codec }: ArrayScheme, { parameters }: QuantizedArray): Record<string, Float32Array> | null {
  const specs = [...codec.parameters, ...codec.shared]
  if (specs.length === 0) return null
  return Object.fromEntries(
    specs.map((spec) => {
      const array = parameters[spec.name]!
      const values = new Float32Array(Math.floor((array.byteLength * 8) / PARAMETER_BITS[spec.type]))
      loadParameters(FULL_STORAGE, [{ ...spec, count: values.length }], [array], 0, values)
      return [spec.name, values]
    }),
  )
}
