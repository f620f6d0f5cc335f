import { expect, it } from 'vitest'
import type { SampleSet } from '../../calibration/index.ts'
import { keepSamples } from '../../calibration/keep-samples.ts'
import { calibrating, judging, someOf } from './sample-roles.ts'

it('never judges on what it calibrated on, where there are enough samples', () => {
  for (const count of [4, 5, 100, 101]) {
    const seen = new Set(calibrating({ count }, true))
    const held = judging({ count })
    expect(held.length).toBeGreaterThan(0)
    expect(held.some((i) => seen.has(i))).toBe(false)
    expect(seen.size + held.length).toBe(count)
  }
  expect(calibrating({ count: 2 }, true)).toEqual([0, 1])
  expect(judging({ count: 2 })).toEqual([0, 1])
  expect(calibrating({ count: 8 }, false).length).toBe(8)
})

it('a sequence is held back at its end', () => {
  for (const count of [4, 5, 100, 101]) {
    const set = { count, sequence: true }
    const [seen, held] = [calibrating(set, true), judging(set)]
    expect([...seen, ...held]).toEqual(Array.from({ length: count }, (_, i) => i))
    expect(held).toHaveLength(Math.floor(count / 4))
  }
})

it('some of samples that are kept know all that those know', async () => {
  const skipped: string[] = []
  const set: SampleSet = {
    ...{ count: 4, found: 9, skipped, filled: ['h: zeros'], converted: ['x: f64 -> f32'], sequence: true },
    at: async (index) => ({ label: `${index}`, feeds: {} }),
  }
  const some = someOf(keepSamples(set), [3, 1])
  expect({ ...some, at: null }).toEqual({ ...set, count: 2, notes: [], at: null })
  expect((await some.at(0)).label).toBe('3')
  skipped.push('4.png: not a picture')
  expect(some.skipped).toHaveLength(1)
})
