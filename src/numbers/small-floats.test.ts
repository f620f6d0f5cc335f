import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TersorError } from '../errors.ts'
import { encodeBf16 } from './bf16.ts'
import { encodeF16 } from './f16.ts'
import { FLOAT_LAYOUTS } from './float-layouts.ts'
import {
  decodeSmallFloat,
  encodeSmallFloat,
  type FloatName,
  largestFloat,
  overflowOf,
  roundToSmallFloat,
  smallFloatValues,
} from './small-floats.ts'

describe('floats of 8 bits and less', () => {
  it('known codes, from the tables of the ONNX and OCP documents', () => {
    const known = [
      ['e4m3fn', 0x00, 0],
      ['e4m3fn', 0x01, 1 / 512],
      ['e4m3fn', 0x38, 1],
      ['e4m3fn', 0x7e, 448],
      ['e4m3fn', 0xfe, -448],
      ['e4m3fn', 0x7f, Number.NaN],
      ['e4m3fnuz', 0x40, 1],
      ['e4m3fnuz', 0x7f, 240],
      ['e4m3fnuz', 0x80, Number.NaN],
      ['e5m2', 0x3c, 1],
      ['e5m2', 0x01, 1 / 65536],
      ['e5m2', 0x7b, 57344],
      ['e5m2', 0x7c, Number.POSITIVE_INFINITY],
      ['e5m2', 0xfc, Number.NEGATIVE_INFINITY],
      ['e5m2', 0x7d, Number.NaN],
      ['e5m2fnuz', 0x40, 1],
      ['e5m2fnuz', 0x7f, 57344],
      ['e5m2fnuz', 0x80, Number.NaN],
      ['e8m0', 127, 1],
      ['e8m0', 130, 8],
      ['e8m0', 255, Number.NaN],
    ] as const
    for (const [dtype, code, value] of known) expect(decodeSmallFloat(code, dtype), `${dtype} ${code}`).toBe(value)
  })

  it('e2m1 in full', () => {
    const half = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    expect([...smallFloatValues('e2m1')]).toEqual([...half, ...half.map((value) => -value)])
  })

  it('negative codes mirror positive ones', () => {
    for (const dtype of ['e4m3fn', 'e5m2'] as const) {
      const values = smallFloatValues(dtype)
      for (let code = 0; code < 128; code++) expect(Object.is(values[code + 128], -values[code]!)).toBe(true)
    }
  })
})

const NAMES = Object.keys(FLOAT_LAYOUTS) as FloatName[]

/** All finite values with their codes, ascending; of two zeros the positive one. */
function ladder(dtype: FloatName): { value: number; code: number }[] {
  const codes = Array.from({ length: 2 ** FLOAT_LAYOUTS[dtype].bits }, (_, code) => code)
  return codes
    .map((code) => ({ value: decodeSmallFloat(code, dtype), code }))
    .filter(({ value }) => Number.isFinite(value) && !Object.is(value, -0))
    .sort((a, b) => a.value - b.value)
}

describe('encoding', () => {
  it('returns every code of a finite value, in every rounding mode', () => {
    for (const dtype of NAMES) {
      const stride = FLOAT_LAYOUTS[dtype].bits > 8 ? 37 : 1
      for (const [position, { value, code }] of ladder(dtype).entries()) {
        if (position % stride !== 0) continue
        for (const rounding of ['half-even', 'half-away', 'floor', 'truncate', 'stochastic'] as const) {
          if (encodeSmallFloat(value, dtype, { rounding }) !== code) expect.fail(`${dtype} ${code} ${rounding}`)
        }
      }
    }
  })

  it('rounds between neighbours as the mode says', () => {
    for (const dtype of [
      'e4m3fn',
      'e4m3fnuz',
      'e4m3b11',
      'e5m2',
      'e5m2fnuz',
      'e8m0',
      'e2m3',
      'e3m2',
      'e2m1',
    ] as const) {
      const values = ladder(dtype).map(({ value }) => value)
      for (let index = 0; index + 1 < values.length; index++) {
        const low = values[index]!
        const high = values[index + 1]!
        const inner = low < 0 ? high : low
        const outer = low < 0 ? low : high
        const options = { low, high, dtype }
        const quarter = Math.fround(inner + (outer - inner) / 4)
        const middle = Math.fround(inner + (outer - inner) / 2)
        expect(roundToSmallFloat(quarter, dtype) + 0, JSON.stringify(options)).toBe(inner + 0)
        for (const value of [quarter, middle]) {
          expect(roundToSmallFloat(value, dtype, { rounding: 'truncate' }) + 0).toBe(inner + 0)
          expect(roundToSmallFloat(value, dtype, { rounding: 'floor' }) + 0).toBe(low)
        }
        expect(roundToSmallFloat(middle, dtype, { rounding: 'half-away' })).toBe(outer)
        const even = roundToSmallFloat(middle, dtype)
        if (dtype !== 'e8m0') expect(encodeSmallFloat(even, dtype) % 2, `${dtype} ${middle}`).toBe(0)
      }
    }
  })

  it('stochastic: by seed and index, right on average', () => {
    let sum = 0
    for (let index = 0; index < 4000; index++) {
      sum += roundToSmallFloat(2.3, 'e2m1', { rounding: 'stochastic', seed: 7, index })
    }
    expect(sum / 4000).toBeCloseTo(2.3, 1)
    const draw = () => encodeSmallFloat(2.5, 'e2m1', { rounding: 'stochastic', seed: 1, index: 5 })
    expect(draw()).toBe(draw())
  })

  it('overflow follows the rule asked for, infinity included', () => {
    const over: [FloatName, number, number][] = [
      ['e4m3fn', 464.001, 448],
      ['e5m2', 61440, 57344],
      ['e2m1', 7, 6],
      ['e3m2', 30, 28],
      ['f16', 65520, 65504],
      ['e4m3fnuz', 248, 240],
    ]
    for (const [dtype, value, largest] of over) {
      expect(largestFloat(dtype)).toBe(largest)
      for (const input of [value, Number.POSITIVE_INFINITY]) {
        expect(roundToSmallFloat(input, dtype, { overflow: 'saturate' })).toBe(largest)
        expect(roundToSmallFloat(-input, dtype, { overflow: 'saturate' })).toBe(-largest)
      }
      expect(roundToSmallFloat(value - value / 65536, dtype)).toBe(largest)
    }
    expect(roundToSmallFloat(1e9, 'e5m2', { overflow: 'infinity' })).toBe(Number.POSITIVE_INFINITY)
    expect(roundToSmallFloat(-1e9, 'e5m2', { overflow: 'nan' })).toBeNaN()
    expect(roundToSmallFloat(470, 'e4m3fn', { rounding: 'truncate' })).toBe(448)
    expect(roundToSmallFloat(480, 'e4m3fn', { rounding: 'truncate' })).toBeNaN()
    for (const dtype of NAMES) {
      const { infinity, nan } = FLOAT_LAYOUTS[dtype]
      if (infinity < 0) expect(() => encodeSmallFloat(1, dtype, { overflow: 'infinity' })).toThrow(TersorError)
      if (nan < 0) expect(() => encodeSmallFloat(1, dtype, { overflow: 'nan' })).toThrow(TersorError)
    }
    expect(NAMES.map(overflowOf).filter((rule) => rule === 'saturate')).toHaveLength(3)
  })

  it('f16 and bf16 are those of the fast path; tf32 is the upper 19 bits, rounded', () => {
    const words = new Uint32Array(1)
    const floats = new Float32Array(words.buffer)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (word) => {
        words[0] = word
        const value = floats[0]!
        if (Number.isNaN(value)) return
        expect(encodeSmallFloat(value, 'f16')).toBe(encodeF16(value))
        expect(encodeSmallFloat(value, 'bf16')).toBe(encodeBf16(value))
        const kept = Math.floor(word / 8192)
        const rest = word - kept * 8192
        const up = rest > 4096 || (rest === 4096 && kept % 2 === 1)
        expect(encodeSmallFloat(value, 'tf32')).toBe(up ? kept + 1 : kept)
      }),
      { numRuns: 500 },
    )
  })
})
