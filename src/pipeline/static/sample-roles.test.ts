import { expect, it } from 'vitest'
import { calibrating, judging } from './sample-roles.ts'

it('never judges on what it calibrated on, where there are enough samples', () => {
  for (const count of [4, 5, 100, 101]) {
    const seen = new Set(calibrating(count, true))
    const held = judging(count)
    expect(held.length).toBeGreaterThan(0)
    expect(held.some((i) => seen.has(i))).toBe(false)
    expect(seen.size + held.length).toBe(count)
  }
  expect(calibrating(2, true)).toEqual([0, 1])
  expect(judging(2)).toEqual([0, 1])
  expect(calibrating(8, false).length).toBe(8)
})
