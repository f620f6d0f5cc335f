import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { allocate, allocationCurve, type Choice } from './allocate.ts'

const group = (most: number): fc.Arbitrary<Choice[]> =>
  fc
    .array(fc.record({ bytes: fc.integer({ min: 1, max: most }), loss: fc.integer({ min: 0, max: 50 }) }), {
      minLength: 1,
      maxLength: 4,
    })
    .map((list) => list.map((one, i) => ({ ...one, id: `c${i}` })))

/** Every combination. */
function leastLoss(groups: readonly (readonly Choice[])[], budget: number): number | null {
  const sums = groups.reduce<{ bytes: number; loss: number }[]>(
    (all, choices) =>
      all.flatMap((a) => choices.map((choice) => ({ bytes: a.bytes + choice.bytes, loss: a.loss + choice.loss }))),
    [{ bytes: 0, loss: 0 }],
  )
  const fitting = sums.filter(({ bytes }) => bytes <= budget)
  return fitting.length === 0 ? null : Math.min(...fitting.map(({ loss }) => loss))
}

describe('allocation under a budget', () => {
  it('has the least loss of all combinations that fit, where bytes are few', () => {
    fc.assert(
      fc.property(
        fc.array(group(60), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 300 }),
        (groups, budget) => {
          const found = allocate(groups, budget)
          const least = leastLoss(groups, budget)
          expect(found?.loss ?? null).toBe(least)
          if (found === null) return
          expect(found.bytes).toBeLessThanOrEqual(budget)
          const bytes = found.chosen.reduce(
            (sum, index, g) => sum + ((groups[g] as Choice[])[index] as Choice).bytes,
            0,
          )
          expect(bytes).toBe(found.bytes)
        },
      ),
    )
  })

  it('is near the least loss where bytes are many, and never over the budget', () => {
    fc.assert(
      fc.property(
        fc.array(group(5e6), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 3e7 }),
        (groups, budget) => {
          const found = allocate(groups, budget)
          const least = leastLoss(groups, budget)
          if (found === null) {
            expect(least).toBeNull()
            return
          }
          expect(found.bytes).toBeLessThanOrEqual(budget)
          expect(found.loss).toBeGreaterThanOrEqual(least as number)
          const tighter = leastLoss(groups, budget * 0.998)
          if (tighter !== null) expect(found.loss).toBeLessThanOrEqual(tighter)
        },
      ),
    )
  })

  it('gives a curve whose losses fall while bytes rise, from the smallest to the best', () => {
    const groups = [0, 1, 2].map((g) =>
      [2, 4, 8].map((bits) => ({ id: `int${bits}`, bytes: bits * 1000 * (g + 1), loss: (g + 1) / 4 ** bits })),
    )
    const curve = allocationCurve(groups, 16)
    expect(curve[0]?.bytes).toBe(12_000)
    expect(curve.at(-1)?.bytes).toBe(48_000)
    for (let i = 1; i < curve.length; i++) {
      expect(curve[i]?.bytes).toBeGreaterThan(curve[i - 1]?.bytes as number)
      expect(curve[i]?.loss).toBeLessThan(curve[i - 1]?.loss as number)
    }
  })
})
