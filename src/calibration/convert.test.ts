import { describe, expect, it } from 'vitest'
import type { DType } from '../model/dtype.ts'
import type { Value } from '../model/runtime.ts'
import { convertValue, floatsOf, integersOf, isConvertible, packFloats, packIntegers } from './convert.ts'

const floats = (dtype: DType, ...values: number[]): Value => ({
  dtype,
  shape: [values.length],
  data: packFloats(Float64Array.from(values), dtype),
})
const integers = (dtype: DType, ...values: number[]): Value => ({
  dtype,
  shape: [values.length],
  data: packIntegers(values, dtype),
})

describe('element types', () => {
  it('floats convert among each other, rounding as IEEE says', () => {
    expect([...floatsOf(convertValue(floats('f64', 0.1, -2), 'f32', 'x'))]).toEqual([Math.fround(0.1), -2])
    expect([...floatsOf(convertValue(floats('f32', 0.1, -2), 'f16', 'x'))]).toEqual([0.0999755859375, -2])
    expect([...floatsOf(convertValue(floats('f16', 0.5), 'f32', 'x'))]).toEqual([0.5])
  })

  it('integers convert where they fit', () => {
    expect([...(integersOf(convertValue(integers('i32', -1, 7), 'i64', 'x')) as unknown as bigint[])]).toEqual([
      -1n,
      7n,
    ])
    expect([...(integersOf(convertValue(integers('i64', -1, 7), 'i32', 'x')) as unknown as number[])]).toEqual([-1, 7])
    expect([...(integersOf(convertValue(integers('i64', 0, 1), 'bool', 'x')) as unknown as number[])]).toEqual([0, 1])
    expect(() => convertValue(integers('i32', 5, -1), 'u8', 'a.npy')).toThrow('a.npy: -1 at element 1 does not fit u8')
  })

  it('integers never become floats, nor floats integers', () => {
    expect(isConvertible('u8', 'f32')).toBe(false)
    expect(isConvertible('f32', 'i64')).toBe(false)
    expect(isConvertible('string', 'string')).toBe(true)
    expect(isConvertible('c64', 'f32')).toBe(false)
    expect(() => convertValue(integers('u8', 1), 'f32', 'a.npy')).toThrow('expected elements of type f32, found u8')
  })

  it('reads from any offset', () => {
    const { data } = floats('f64', 1.5)
    const shifted = new Uint8Array(9)
    shifted.set(data as Uint8Array, 1)
    expect([...floatsOf({ dtype: 'f64', shape: [1], data: shifted.subarray(1) })]).toEqual([1.5])
  })
})
