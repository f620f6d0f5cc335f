import { describe, expect, test } from 'vitest'
import { codes, differences, readGolden, values } from '../../../test/golden/read.ts'
import { fakeQuantizeTensorflow, tensorflowRange } from './tensorflow-fake.ts'
import {
  dequantizeTensorflow,
  quantizeTensorflow,
  type TensorflowMode,
  type TensorflowQuantizeOptions,
} from './tensorflow-quantize.ts'
import { quantizeAndDequantizeTensorflow } from './tensorflow-round-trip.ts'
import type { TensorflowType } from './tensorflow-types.ts'

interface QuantizeCase {
  kind: 'quantize' | 'quantize axis'
  type: TensorflowType
  mode: TensorflowMode
  rounding: 'HALF_AWAY_FROM_ZERO' | 'HALF_TO_EVEN'
  narrow: boolean
  range: string
  low: string
  high: string
  outLow: string
  outHigh: string
  x: string
  codes: string
  out: string
  back: string
}

interface FakeCase {
  kind: string
  bits: number
  narrow: boolean
  signed: boolean
  given: boolean
  rounding: 'HALF_TO_EVEN' | 'HALF_UP'
  range: string
  low: string
  high: string
  x: string
  vars: string
  args?: string
  y: string
}

describe('quantize and dequantize', () => {
  const { cases } = readGolden<QuantizeCase>('tensorflow-quantize.json')

  const whole = cases.filter(({ kind }) => kind === 'quantize')
  // SCALED to an unsigned type with nothing above 0: the scale becomes the greatest float.
  const empty = (golden: QuantizeCase): boolean =>
    golden.mode === 'SCALED' &&
    golden.type.startsWith('u') &&
    values(golden.range)[1]! <= 0 &&
    values(golden.range)[0]! < -1

  test.each(whole.filter((golden) => !empty(golden)))('$type $mode $rounding narrow $narrow $range', (golden) => {
    const [min, max] = values(golden.range) as unknown as [number, number]
    const { type, mode, rounding, narrow: narrowRange } = golden
    const options: TensorflowQuantizeOptions = { type, mode, rounding, narrowRange, min, max }
    const found = quantizeTensorflow(values(golden.x), options)
    expect(differences([found.min, found.max], values(golden.out))).toEqual([])
    expect(differences(found.codes, codes(golden.codes))).toEqual([])
    const back = dequantizeTensorflow(found.codes, { ...options, min: found.min, max: found.max })
    expect(differences(back, values(golden.back))).toEqual([])
  })

  test.each(whole.filter(empty))(
    'an empty unsigned range: TensorFlow flushes subnormals, we keep them: $type $rounding',
    (golden) => {
      const [min, max] = values(golden.range) as unknown as [number, number]
      const { type, mode, rounding, narrow: narrowRange } = golden
      const found = quantizeTensorflow(values(golden.x), { type, mode, rounding, narrowRange, min, max })
      // Narrow: the lowest value, 1 / 3.4e38, is subnormal, and TensorFlow has 0 there.
      const wrong = differences(found.codes, codes(golden.codes))
      expect(wrong.filter((line) => !(narrowRange && line.endsWith('] 1 instead of 0')))).toEqual([])
      const back = dequantizeTensorflow(found.codes, { type, mode, narrowRange, min: found.min, max: found.max })
      const far = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
        Math.max(...Array.from(a, (value, index) => Math.abs(value - b[index]!)))
      expect(far(back, values(golden.back))).toBeLessThan(1e-33)
      expect(far([found.min, found.max], values(golden.out))).toBeLessThan(1e-33)
    },
  )

  test.each(cases.filter(({ kind }) => kind === 'quantize axis'))('along an axis: $type $mode', (golden) => {
    const [lows, highs, x] = [values(golden.low), values(golden.high), values(golden.x)]
    const { type, mode } = golden
    for (let slice = 0; slice < 4; slice++) {
      // Shape 3, 4, 5; the second axis is kept.
      const part = (all: ArrayLike<number>): number[] =>
        Array.from(all).filter((_, index) => Math.floor(index / 5) % 4 === slice)
      const options = { type, mode, min: lows[slice]!, max: highs[slice]! }
      const found = quantizeTensorflow(Float32Array.from(part(x)), options)
      expect(differences(found.codes, part(codes(golden.codes)))).toEqual([])
      expect([found.min, found.max]).toEqual([values(golden.outLow)[slice], values(golden.outHigh)[slice]])
      const back = dequantizeTensorflow(found.codes, { ...options, min: found.min, max: found.max })
      expect(differences(back, part(values(golden.back)))).toEqual([])
    }
  })
})

describe('fake_quant', () => {
  const { cases } = readGolden<FakeCase>('tensorflow-fake.json')

  test.each(cases.filter(({ kind }) => kind === 'fake quant'))('$bits bits narrow $narrow $range', (golden) => {
    const [min, max] = values(golden.range) as unknown as [number, number]
    const options = { bits: golden.bits, narrowRange: golden.narrow, min, max }
    expect(differences(fakeQuantizeTensorflow(values(golden.x), options), values(golden.vars))).toEqual([])
    if (golden.args === undefined) return
    const found = fakeQuantizeTensorflow(values(golden.x), { ...options, form: 'args' })
    expect(differences(found, values(golden.args))).toEqual([])
  })

  test.each(cases.filter(({ kind }) => kind === 'fake quant channel'))('per channel, $bits bits', (golden) => {
    const [lows, highs, x] = [values(golden.low), values(golden.high), values(golden.x)]
    for (let channel = 0; channel < 4; channel++) {
      const part = (all: Float32Array): Float32Array => all.filter((_, index) => index % 4 === channel)
      const options = { bits: golden.bits, min: lows[channel]!, max: highs[channel]!, form: 'channel' } as const
      expect(differences(fakeQuantizeTensorflow(part(x), options), part(values(golden.vars)))).toEqual([])
    }
  })

  test.each(cases.filter(({ kind }) => kind === 'quantize and dequantize'))(
    'quantize_and_dequantize_v2 signed $signed, $bits bits, narrow $narrow, $rounding, given $given $range',
    (golden) => {
      const [min, max] = values(golden.range) as unknown as [number, number]
      const { signed, bits, narrow: narrowRange, rounding, given } = golden
      const options = { signed, bits, narrowRange, rounding, ...(given && { range: { min, max } }) }
      const found = quantizeAndDequantizeTensorflow(values(golden.x), options)
      expect(differences(found, values(golden.y))).toEqual([])
    },
  )

  test('the nudged range holds 0 exactly', () => {
    const { scale, zero, min, max } = tensorflowRange({ min: -1, max: 1.5 })
    expect([scale, zero]).toEqual([Math.fround(2.5 / 255), 102])
    expect([min, max]).toEqual([Math.fround(-102 * scale), Math.fround(153 * scale)])
  })
})

describe('refuses', () => {
  const one = Float32Array.of(1)
  test.each([
    ['min above max', () => quantizeTensorflow(one, { min: 1, max: 0, type: 'int8' })],
    ['an infinite range', () => dequantizeTensorflow([1], { min: 0, max: Number.POSITIVE_INFINITY, type: 'int8' })],
    [
      'ties to even without SCALED',
      () => quantizeTensorflow(one, { min: 0, max: 1, type: 'int8', rounding: 'HALF_TO_EVEN' }),
    ],
    ['1 bit', () => fakeQuantizeTensorflow(one, { min: 0, max: 1, bits: 1 })],
    ['17 bits', () => fakeQuantizeTensorflow(one, { min: 0, max: 1, bits: 17 })],
    ['an empty range', () => fakeQuantizeTensorflow(one, { min: 1, max: 1 })],
    ['0 bits', () => quantizeAndDequantizeTensorflow(one, { bits: 0 })],
  ])('%s', (_, act) => {
    expect(act).toThrow(expect.objectContaining({ code: 'E_USAGE' }))
  })
  test('NaN, by index', () => {
    expect(() => quantizeTensorflow(Float32Array.of(1, Number.NaN), { min: 0, max: 1, type: 'int8' })).toThrow(
      expect.objectContaining({ code: 'E_NONFINITE', message: expect.stringContaining('value 1') }),
    )
  })
})
