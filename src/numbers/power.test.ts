import { expect, test } from 'vitest'
import { powerBySquareRoots } from './power.ts'

test('powers between 0 and 1', () => {
  for (const base of [1e-30, 0.02, 1, 3.7, 1e20])
    for (const exponent of [0, 0.05, 0.3, 0.5, 0.95, 1])
      expect(powerBySquareRoots(base, exponent) / base ** exponent).toBeCloseTo(1, 12)
})
