import { describe, expect, it } from 'vitest'
import type { SessionInput, Value } from '../model/runtime.ts'
import { checkSample } from './check-sample.ts'
import { packFloats, packIntegers } from './convert.ts'

const f32 = (shape: number[], ...values: number[]): Value => ({
  dtype: 'f32',
  shape,
  data: packFloats(Float32Array.from(values), 'f32'),
})
const i64 = (shape: number[], ...values: number[]): Value => ({
  dtype: 'i64',
  shape,
  data: packIntegers(values, 'i64'),
})
const check = (feeds: Record<string, Value>, inputs: SessionInput[], limits = new Map()) =>
  checkSample('a.npz[3]', feeds, inputs, limits, new Map())

describe('a sample', () => {
  const ids: SessionInput = { name: 'ids', dtype: 'i64', shape: ['N', 'S'] }
  const mask: SessionInput = { name: 'mask', dtype: 'f32', shape: ['N', 'S'] }
  const x: SessionInput = { name: 'x', dtype: 'f32', shape: [1, 2] }

  it('passes when it is right, and binds its symbols', () => {
    const bindings = new Map<string, number>()
    const feeds = { ids: i64([1, 2], 0, 9), mask: f32([1, 2], 0, Number.NEGATIVE_INFINITY) }
    const limits = new Map([['ids', { min: 0, max: 9 }]])
    expect(checkSample('a', feeds, [ids, mask], limits, bindings)).toEqual(feeds)
    expect([...bindings]).toEqual([
      ['N', 1],
      ['S', 2],
    ])
  })

  it('is refused by name for its shape', () => {
    expect(() => check({ x: f32([1, 3], 1, 2, 3) }, [x])).toThrow(
      'a.npz[3]: input "x": expected shape [1, 2], found [1, 3]',
    )
    expect(() => check({ ids: i64([1, 2], 1, 2), mask: f32([1, 3], 1, 2, 3) }, [ids, mask])).toThrow(
      '(S is 2 elsewhere)',
    )
    expect(() => check({ x: f32([2], 1, 2) }, [x])).toThrow('expected shape [1, 2], found [2]')
  })

  it('is refused by name for its values', () => {
    const code = (code: string, message: string) =>
      expect.objectContaining({ code, message: expect.stringContaining(message) })
    const thrown = (act: () => unknown) => {
      try {
        act()
      } catch (error) {
        return error
      }
      return undefined
    }
    expect(thrown(() => check({ x: f32([1, 2], 1, Number.NaN) }, [x]))).toEqual(code('E_NONFINITE', 'NaN at element 1'))
    expect(thrown(() => check({ x: f32([1, 2], Number.NEGATIVE_INFINITY, 1) }, [x]))).toEqual(
      code('E_NONFINITE', '-Infinity'),
    )
    expect(thrown(() => check({ x: f32([1, 2], 1e12, 1) }, [x]))).toEqual(code('E_FORMAT', 'plausible'))
    const limits = new Map([['ids', { min: 0, max: 9 }]])
    expect(thrown(() => check({ ids: i64([1, 2], 1, 10) }, [ids], limits))).toEqual(
      code('E_FORMAT', 'expected 0 to 9, the rows of the table that it looks up, found 10'),
    )
  })

  it('converts types and leaves out what no input takes', () => {
    const given = {
      x: { ...f32([1, 2]), dtype: 'f64' as const, data: packFloats(Float64Array.of(1, 2), 'f64') },
      y: f32([1], 1),
    }
    expect(check(given, [x])).toEqual({ x: f32([1, 2], 1, 2) })
  })
})
