import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { addExactly, settled } from './exact-sums.ts'

/** Of one index. */
function partsOf(values: readonly number[]): Float64Array[] {
  const parts: Float64Array[] = []
  for (const value of values) addExactly(parts, Float64Array.of(value))
  return parts
}
const written = (parts: readonly Float64Array[]): number[] => settled(parts, 1).map((part) => part[0]!)

/** Exact, as a multiple of 2^-1074. */
function exact(values: readonly number[]): bigint {
  const view = new DataView(new ArrayBuffer(8))
  return values.reduce((sum, value) => {
    view.setFloat64(0, value)
    const bits = view.getBigUint64(0)
    const exponent = (bits >> 52n) & 2047n
    const fraction = bits & ((1n << 52n) - 1n)
    const size = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n)
    return sum + (value < 0 ? -size : size)
  }, 0n)
}

const doubles = fc.array(fc.double({ noNaN: true, min: -1e80, max: 1e80 }), { maxLength: 12 })

test('nothing is lost, and order and grouping leave no trace', () => {
  fc.assert(
    fc.property(doubles, doubles, (first, second) => {
      const all = [...first, ...second]
      const merged = partsOf(first)
      for (const part of settled(partsOf(second), 1)) addExactly(merged, part)
      const parts = written(merged)
      expect(exact(parts)).toBe(exact(all))
      expect(written(partsOf([...all].reverse()))).toEqual(parts)
      expect(written(partsOf(all))).toEqual(parts)
    }),
    { numRuns: 400, seed: 5 },
  )
})

test('the first double is the nearest, ties to even, also where little decides', () => {
  const half = 2 ** -53
  expect(written(partsOf([1, half]))).toEqual([1, half])
  expect(written(partsOf([1, half, 2 ** -110]))[0]).toBe(1 + 2 ** -52)
  expect(written(partsOf([1, half, -(2 ** -110)]))[0]).toBe(1)
  expect(written(partsOf([1e16, 1, -1e16]))).toEqual([1])
  expect(written(partsOf([]))).toEqual([0])
  expect(written(partsOf([1, -1]))).toEqual([0])
})

test('indices do not touch each other', () => {
  const parts: Float64Array[] = []
  addExactly(parts, Float64Array.of(1e16, 1))
  addExactly(parts, Float64Array.of(1, 2))
  expect(settled(parts, 2)).toEqual([Float64Array.of(1e16, 3), Float64Array.of(1, 0)])
})
