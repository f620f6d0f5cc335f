import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bestWithin, type RatePoint, rateCurve } from './rate-distortion.ts'

const points: fc.Arbitrary<RatePoint[]> = fc
  .array(fc.record({ rate: fc.integer({ min: 1, max: 20 }), distortion: fc.integer({ min: 0, max: 20 }) }), {
    minLength: 1,
    maxLength: 30,
  })
  .map((list) => list.map((point, i) => ({ ...point, id: `p${i}` })))

describe('rate and distortion', () => {
  it('keeps on the front exactly what nothing beats', () => {
    fc.assert(
      fc.property(points, (all) => {
        const { front } = rateCurve(all)
        for (const point of all) {
          const beaten = all.some(
            (other) =>
              other.rate <= point.rate &&
              other.distortion <= point.distortion &&
              (other.rate < point.rate || other.distortion < point.distortion),
          )
          const alike = front.some((one) => one.rate === point.rate && one.distortion === point.distortion)
          expect(alike).toBe(!beaten)
        }
      }),
    )
  })
  it('keeps on the hull exactly what some weight chooses alone', () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 1, max: 400 }), (all, weight) => {
        const { hull } = rateCurve(all)
        const cost = (point: RatePoint) => point.distortion * 20 + point.rate * weight
        const least = Math.min(...all.map(cost))
        expect(hull.some((point) => cost(point) === least)).toBe(true)
      }),
    )
  })
  it('takes the best within a budget', () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 0, max: 21 }), (all, budget) => {
        const best = bestWithin(rateCurve(all), budget)
        const within = all.filter(({ rate }) => rate <= budget)
        if (within.length === 0) expect(best).toBeUndefined()
        else expect(best?.distortion).toBe(Math.min(...within.map(({ distortion }) => distortion)))
      }),
    )
  })
})
