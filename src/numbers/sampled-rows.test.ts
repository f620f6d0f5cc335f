import { expect, test } from 'vitest'
import { isSampled, SAMPLED_ROWS, sampledRow } from './sampled-rows.ts'

test('samples ascend, differ and stay inside for every depth that is sampled', () => {
  for (const depth of [2048, 2049, 4096, 100_003]) {
    const rows = Array.from({ length: SAMPLED_ROWS }, (_, index) => sampledRow(index, depth))
    expect(new Set(rows).size).toBe(SAMPLED_ROWS)
    expect([...rows].sort((a, b) => a - b)).toEqual(rows)
    expect(rows[0]).toBeGreaterThanOrEqual(0)
    expect(rows.at(-1)).toBeLessThan(depth)
  }
})

test('only long columns of 8 bits', () => {
  expect([isSampled(8, 2047), isSampled(8, 2048), isSampled(4, 4096)]).toEqual([false, true, false])
})
