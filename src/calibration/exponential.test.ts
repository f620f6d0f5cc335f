import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exponential } from './exponential.ts'

test('exact at 0, near the engine’s own elsewhere', () => {
  expect(exponential(0)).toBe(1)
  fc.assert(
    fc.property(fc.double({ min: -200, max: 200, noNaN: true }), (x) => {
      expect(Math.abs(exponential(x) / Math.exp(x) - 1)).toBeLessThan(2e-15)
    }),
    { seed: 5, numRuns: 500 },
  )
})
