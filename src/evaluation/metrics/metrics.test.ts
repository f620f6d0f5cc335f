import { describe, expect, it } from 'vitest'
import { decibels, EXACT_DB } from '../decibels.ts'
import { expNegative } from '../exponential.ts'
import { cosineMeter } from './cosine.ts'
import { equalityMeter } from './equality.ts'
import { klMeter } from './kl.ts'
import { maxAbsMeter } from './max-abs.ts'
import { countNonFinite } from './non-finite.ts'
import { psnrMeter } from './psnr.ts'
import { sqnrMeter } from './sqnr.ts'
import { top1Meter } from './top1.ts'

const f32 = (...values: number[]) => Float32Array.of(...values)

describe('exponential and decibels', () => {
  it('agrees with the engine to 1e-15 and ends in zero', () => {
    for (let x = 0; x > -700; x -= 0.377) {
      const expected = Math.exp(x)
      expect(Math.abs(expNegative(x) - expected) / expected).toBeLessThan(1e-14)
    }
    expect(expNegative(0)).toBe(1)
    expect(expNegative(Number.NEGATIVE_INFINITY)).toBe(0)
    expect(expNegative(Number.NaN)).toBeNaN()
  })

  it('knows 10 dB, no noise and no signal', () => {
    expect(decibels(10, 1)).toBeCloseTo(10, 12)
    expect(decibels(1, 0)).toBe(EXACT_DB)
    expect(decibels(0, 1)).toBe(-EXACT_DB)
    expect(decibels(0, 0)).toBe(EXACT_DB)
  })
})

describe('cosine', () => {
  it('of known pairs', () => {
    const meter = cosineMeter()
    meter.add(f32(3, 4), f32(6, 8))
    meter.add(f32(1, 0), f32(0, 1))
    expect(meter.mean()).toBeCloseTo(0.5, 12)
    expect(meter.worst()).toEqual({ sample: 1, cosine: 0 })
  })

  it('weights samples alike, whatever their energy', () => {
    const meter = cosineMeter()
    meter.add(f32(1000, 0), f32(1000, 0))
    meter.add(f32(1, 0), f32(-1, 0))
    expect(meter.mean()).toBeCloseTo(0, 12)
  })

  it('does not count samples silent on both sides, and counts noise for silence as 0', () => {
    const meter = cosineMeter()
    meter.add(f32(1, 2), f32(1, 2))
    meter.add(f32(0, 0), f32(0, 0))
    expect(meter.mean()).toBeCloseTo(1, 12)
    meter.add(f32(0, 0), f32(1, 0))
    expect(meter.mean()).toBeCloseTo(0.5, 12)
  })

  it('is not defined for zeros and rounding noise', () => {
    const meter = cosineMeter()
    meter.add(f32(0, 1e-8), f32(1, 0))
    expect(meter.zero()).toBe(true)
    expect(meter.mean()).toBeNaN()
    expect(meter.worst()).toBeUndefined()
  })

  it('does not overflow with large doubles', () => {
    const meter = cosineMeter()
    meter.add(Float64Array.of(1e150, 1e150), Float64Array.of(1e150, 1e150))
    expect(meter.mean()).toBeCloseTo(1, 12)
  })

  it('leaves out what is not finite', () => {
    const meter = cosineMeter()
    meter.add(f32(1, Number.NaN, 1), f32(1, 5, Number.POSITIVE_INFINITY))
    expect(meter.mean()).toBe(1)
  })
})

describe('noise', () => {
  it('SQNR is pooled energy', () => {
    const meter = sqnrMeter()
    meter.add(f32(10, 0), f32(9, 0))
    expect(meter.value()).toBeCloseTo(20, 10)
    meter.add(f32(0, 0), f32(0, 3))
    expect(meter.value()).toBeCloseTo(10, 10)
  })

  it('PSNR takes the range of float for its peak', () => {
    const meter = psnrMeter()
    meter.add(f32(-5, 5), f32(-4, 5))
    expect(meter.value()).toBeCloseTo(10 * Math.log10(100 / 0.5), 10)
    expect(psnrMeter().value()).toBe(EXACT_DB)
  })

  it('largest difference and reach', () => {
    const meter = maxAbsMeter()
    meter.add(f32(1, -7, Number.NaN), f32(1.5, -7, 0))
    expect([meter.value(), meter.ofReference()]).toEqual([0.5, 7])
  })

  it('counts what is not finite only where float is', () => {
    const inf = Number.POSITIVE_INFINITY
    expect(countNonFinite(f32(1, inf, Number.NaN, 2), f32(Number.NaN, inf, Number.NaN, -inf))).toBe(2)
  })
})

describe('scores', () => {
  it('top-1 by row, the first of equals', () => {
    const meter = top1Meter()
    meter.add(f32(1, 2, 0, 5, 5, 1), f32(0, 9, 0, 1, 2, 3), 3)
    expect(meter.rows()).toBe(2)
    expect(meter.value()).toBe(0.5)
    meter.add(f32(4, 4), f32(4, 3), 2)
    expect(meter.value()).toBeCloseTo(2 / 3, 12)
    expect(top1Meter().value()).toBeNaN()
  })

  it('KL of known distributions, as logits with any offset and as probabilities', () => {
    const expected = 0.5 * Math.log(0.5 / 0.25) + 0.5 * Math.log(0.5 / 0.75)
    const logits = klMeter()
    logits.add(Float64Array.of(7, 7), Float64Array.of(Math.log(1) - 30, Math.log(3) - 30), 2, false)
    expect(logits.mean()).toBeCloseTo(expected, 12)
    const shares = klMeter()
    shares.add(Float64Array.of(0.5, 0.5), Float64Array.of(0.25, 0.75), 2, true)
    expect(shares.mean()).toBeCloseTo(expected, 12)
  })

  it('KL is zero for equal rows, finite for impossible ones, and skips rows that float spoils', () => {
    const meter = klMeter()
    const inf = Number.POSITIVE_INFINITY
    meter.add(f32(1, -inf, 2), f32(1, -inf, 2), 3, false)
    expect(meter.mean()).toBe(0)
    meter.add(f32(Number.NaN, 0), f32(1, 0), 2, false)
    expect(meter.rows()).toBe(1)
    meter.add(f32(0, 0), f32(0, -inf), 2, false)
    expect(meter.max()).toBe(Number.MAX_VALUE)
  })

  it('KL percentile is from above and close', () => {
    const meter = klMeter()
    const rows = Array.from({ length: 1000 }, (_, i) => (i + 1) / 2000)
    for (const q of rows) meter.add(Float64Array.of(1, 0), Float64Array.of(1 - q, q), 2, true)
    const exact = -Math.log(1 - rows[989]!)
    expect(meter.p99()).toBeGreaterThanOrEqual(exact)
    expect(meter.p99()).toBeLessThan(exact * 1.07)
    expect(meter.max()).toBeCloseTo(-Math.log(0.5), 12)
  })
})

describe('equality', () => {
  it('counts elements, not bytes', () => {
    const meter = equalityMeter()
    const value = (...values: bigint[]) => ({
      dtype: 'i64' as const,
      shape: [values.length],
      data: new Uint8Array(BigInt64Array.from(values).buffer),
    })
    meter.add(value(1n, 2n ** 60n, 3n, 4n), value(1n, 2n ** 60n + 1n, 3n, 4n))
    expect(meter.value()).toBe(0.75)
    meter.add({ dtype: 'string', shape: [2], data: ['a', 'b'] }, { dtype: 'string', shape: [2], data: ['a', 'c'] })
    expect(meter.value()).toBeCloseTo(4 / 6, 12)
    expect(equalityMeter().value()).toBe(1)
  })
})
