import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cosPi, sinPi } from './cosine.ts'

test('exact at quarters of a turn', () => {
  expect([0, 0.5, 1, 1.5, 2, -0.5, 1001].map(cosPi)).toEqual([1, 0, -1, 0, 1, 0, -1])
  expect([0, 0.5, 1, 1.5, 2, -0.5, -1.5].map((x) => sinPi(x) + 0)).toEqual([0, 1, 0, -1, 0, -1, 1])
})

test('near the engine’s own', () => {
  fc.assert(
    fc.property(fc.double({ min: -4, max: 4, noNaN: true }), (x) => {
      expect(Math.abs(cosPi(x) - Math.cos(Math.PI * x))).toBeLessThan(3e-15)
      expect(Math.abs(sinPi(x) - Math.sin(Math.PI * x))).toBeLessThan(3e-15)
    }),
    { seed: 5, numRuns: 500 },
  )
})
