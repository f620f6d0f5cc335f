import { expect, test } from 'vitest'
import type { Allocation } from '../../allocation/allocate.ts'
import { allocateExactly } from './allocate-exactly.ts'

const groups = [1, 2, 3, 4].map((weight) =>
  [2, 4, 8].map((bits) => ({ id: `int${bits}`, bytes: bits * 1000, loss: weight / 4 ** bits })),
)

test('the whole file counts: room is corrected by what choices do not know', async () => {
  const fileOf = async ({ bytes, chosen }: Allocation) => bytes + 500 - 120 * chosen.filter((one) => one === 2).length
  for (const budget of [8500, 14_000, 20_100, 32_021]) {
    const { bytes, allocation } = await allocateExactly(groups, budget, fileOf)
    expect(bytes).toBeLessThanOrEqual(budget)
    expect(bytes).toBe(await fileOf(allocation))
    // Nothing cheaper to improve is left over.
    expect(budget - bytes).toBeLessThan(bytes >= 32_020 ? 2 : 4500)
  }
})

test('a file that grows by more than its choices is still met, and not by the smallest', async () => {
  // Every group that leaves the smallest brings bytes that no choice knows of.
  const fileOf = async ({ bytes, chosen }: Allocation) => bytes + 500 + 900 * chosen.filter((one) => one > 0).length
  for (let budget = 8500; budget < 37_000; budget += 700) {
    const { bytes, allocation } = await allocateExactly(groups, budget, fileOf)
    expect(bytes).toBe(await fileOf(allocation))
    expect(bytes).toBeLessThanOrEqual(budget)
    if (budget > 12_000) expect(bytes).toBeGreaterThan(budget - 5600)
  }
})

test('a budget that cannot be met says what can', async () => {
  await expect(allocateExactly(groups, 8000, async ({ bytes }) => bytes + 500)).rejects.toMatchObject({
    code: 'E_PLAN',
    message: expect.stringContaining('8500'),
  })
})
