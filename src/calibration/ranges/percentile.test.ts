import fc from 'fast-check'
import { expect, test } from 'vitest'
import { distributionOf, gaussian } from '../../../test/fixtures/distribution.ts'
import { powerOfTwo } from '../../numbers/power-of-two.ts'
import { minMaxRange } from './min-max.ts'
import { movingRange } from './moving.ts'
import { percentileRange } from './percentile.ts'

const lists = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }), {
  minLength: 1,
  maxLength: 60,
})

/** How far a quantile is from the value of a sorted list at which that share is reached; where the share is just reached, from either neighbour. */
function distance(found: number, sorted: Float32Array, share: number): number {
  const at = (place: number) => sorted[Math.min(Math.max(Math.ceil(place) - 1, 0), sorted.length - 1)]!
  const place = share * sorted.length
  return Math.min(Math.abs(found - at(place - 1e-9)), Math.abs(found - at(place + 1e-9)))
}

test('quantiles of the values themselves, to a bin', () => {
  fc.assert(
    fc.property(lists, fc.double({ min: 0.5, max: 1, noNaN: true }), fc.boolean(), (list, p, symmetric) => {
      const values = Float32Array.from(list)
      const distribution = distributionOf(values)
      const width = powerOfTwo(distribution.exponent)
      const { min, max } = percentileRange(distribution, p, { symmetric })
      if (symmetric) {
        const sorted = values.map((value) => Math.abs(value)).sort()
        expect(distance(max, sorted, p)).toBeLessThanOrEqual(width)
        expect(min).toBe(0 - max)
        return
      }
      const sorted = values.slice().sort()
      expect(distance(min, sorted, (1 - p) / 2)).toBeLessThanOrEqual(width)
      expect(distance(max, sorted, 1 - (1 - p) / 2)).toBeLessThanOrEqual(width)
      expect(min).toBeGreaterThanOrEqual(distribution.min)
      expect(max).toBeLessThanOrEqual(distribution.max)
    }),
    { seed: 4, numRuns: 500 },
  )
})

test('the whole share gives the extremes', () => {
  const values = gaussian(1000, 3)
  const distribution = distributionOf(values)
  expect(percentileRange(distribution, 1)).toEqual(minMaxRange(distribution))
  expect(minMaxRange(distribution)).toEqual({ min: Math.min(...values), max: Math.max(...values) })
})

test('an outlier among a million zeros is cut, and zeros count', () => {
  const values = new Float32Array(1_000_000)
  values[7] = 50
  expect(percentileRange(distributionOf(values), 0.99999)).toEqual({ min: 0, max: 0 })
})

test('moving ranges pass over samples of no values', () => {
  const none = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  expect(movingRange(Float32Array.of(-1, 1, ...none, -3, 5), 0.5)).toEqual({ min: -2, max: 3 })
})

test('nothing seen, or no share', () => {
  const usage = expect.objectContaining({ code: 'E_USAGE' })
  const empty = {
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    exponent: -149,
    counts: new Float64Array(8),
  }
  expect(() => minMaxRange(empty)).toThrow(usage)
  expect(() => percentileRange(empty, 0.9)).toThrow(usage)
  expect(() => percentileRange(distributionOf(Float32Array.of(1)), 0)).toThrow(usage)
})
