import { describe, expect, test } from 'vitest'
import { alignedHistogramObserver } from '../../calibration/observers/index.ts'
import type { ActivationGrid, ActivationPoint, StaticProduct } from '../../model/activation.ts'
import type { ValueStatistics } from '../../model/statistics.ts'
import { codeShares, saturationFacts, saturationOf } from './layer-report-saturation.ts'
import { barsOf, valueFacts } from './layer-report-values.ts'

function seen(values: readonly number[]): ValueStatistics {
  const observer = alignedHistogramObserver()
  const state = observer.observe(observer.empty(), Float32Array.from(values), [values.length])
  return {
    ...state,
    count: values.length,
    zeros: values.filter((value) => value === 0).length,
    samples: Float32Array.of(state.min, state.max),
  }
}

const point: ActivationPoint = {
  value: 'x',
  group: 'x',
  bounds: { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY },
  readers: 'all',
  because: { code: 'operand', text: 'read by a product' },
}
const grid = (scale: number, zero = 0): ActivationGrid => ({ scale, zero, type: 'u8' })

describe('facts of a value', () => {
  test('what is clipped on either side, what is zero, and how far the rest is off', () => {
    // Levels 0 to 1: a quarter lies far above, a quarter below, a quarter is zero.
    const facts = valueFacts(point, grid(1 / 255), seen([0, 0.5, 2, -1]), 'percentile', 0.25)!
    expect(facts).toMatchObject({ below: 0.25, above: 0.25, zeros: 0.25, min: -1, max: 2, growth: 0.25, low: 0 })
    expect(facts.high).toBeCloseTo(1, 6)
    // Energy 5.25, clipping errors 1 and 1.
    expect(facts.clippingDb).toBeCloseTo(10 * Math.log10(5.25 / 2), 1)
    expect(facts.roundingDb).toBeGreaterThan(50)
  })

  test('nothing clipped is no error', () => {
    const facts = valueFacts(point, grid(1 / 64), seen([0.25, 1, 2]), '', 0)!
    expect(facts).toMatchObject({ below: 0, above: 0, clippingDb: 999 })
  })

  test('nothing seen, no facts', () => {
    const empty = { ...seen([1]), min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, count: 0 }
    expect(valueFacts(point, grid(1), empty, '', 0)).toBeUndefined()
    expect(valueFacts(point, grid(1), undefined, '', 0)).toBeUndefined()
  })

  test('few bars hold all values but the zeros', () => {
    const values = Array.from({ length: 5000 }, (_, i) => Math.sin(i) * 7)
    const bars = barsOf(seen([...values, 0, 0]))
    expect(bars.counts.length).toBeLessThanOrEqual(96)
    expect(bars.counts.length).toBeGreaterThan(40)
    // sin(0) is a zero too.
    expect(bars.counts.reduce((sum, count) => sum + count, 0)).toBe(4999)
    expect(bars.low).toBeLessThanOrEqual(-6.99)
    expect(bars.low + bars.width * bars.counts.length).toBeGreaterThan(6.99)
  })
})

const gemm = (rows: number, columns: number): StaticProduct =>
  ({
    op: 'MatMul',
    depthwise: false,
    weight: { name: 'w', axis: 1, shape: [rows, columns] },
  }) as unknown as StaticProduct
const always = (...codes: number[]) => {
  const shares = new Float64Array(256)
  for (const code of codes) shares[code] = 1 / codes.length
  return shares
}

describe('saturation without VNNI', () => {
  test('codes follow the grid', () => {
    const shares = codeShares(seen([0, 0, 1, 3]), grid(1, 10))
    expect([shares[10], shares[11], shares[13]]).toEqual([0.5, 0.25, 0.25])
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12)
  })

  test('a pair overflows where its weights add up beyond 128 and its activations are large', () => {
    // Column 0: 127 + 127 overflows at 255; column 1: one of each sign never does.
    const codes = Int8Array.of(127, 127, 127, -127)
    expect(saturationOf(gemm(2, 2), codes, always(255))).toEqual({ pairs: 0.5, results: 0.5 })
    expect(saturationOf(gemm(2, 2), codes, always(128))).toEqual({ pairs: 0, results: 0 })
    // 255 127 + 0 and 0 + 0 fit, 255 127 + 255 127 does not: one case of four.
    expect(saturationOf(gemm(2, 1), Int8Array.of(127, 127), always(0, 255))).toEqual({ pairs: 0.25, results: 0.25 })
  })

  test('the last place of either side', () => {
    // 255 (64 + 64) = 32640 fits; 255 (64 + 65) = 32895 does not. -255 * 128 = -32640 fits too.
    expect(saturationOf(gemm(2, 1), Int8Array.of(64, 64), always(255)).pairs).toBe(0)
    expect(saturationOf(gemm(2, 1), Int8Array.of(64, 65), always(255)).pairs).toBe(1)
    expect(saturationOf(gemm(2, 1), Int8Array.of(-128, 0), always(255)).pairs).toBe(0)
    expect(saturationOf(gemm(2, 1), Int8Array.of(-64, -65), always(255)).pairs).toBe(1)
  })

  test('convolutions add position by position, their channels together; depthwise ones in 32 bits', () => {
    const conv = {
      op: 'Conv',
      depthwise: false,
      weight: { name: 'w', axis: 0, shape: [1, 2, 1, 2] },
    } as unknown as StaticProduct
    // [channel][position]: neighbours in the sum are the channels of one position.
    expect(saturationOf(conv, Int8Array.of(127, 0, 0, 127), always(255)).pairs).toBe(0)
    expect(saturationOf(conv, Int8Array.of(127, 0, 127, 0), always(255)).pairs).toBe(0.5)
    expect(saturationOf({ ...conv, depthwise: true }, Int8Array.of(127, 0, 127, 0), always(255)).pairs).toBe(0)
  })

  test('unsigned codes never saturate, whatever plain ones would have', () => {
    const facts = saturationFacts(gemm(2, 1), 'u8', Int8Array.of(127, 127), always(255))
    expect(facts).toEqual({ pairs: 0, results: 0, plainPairs: 1, plainResults: 1 })
  })
})
