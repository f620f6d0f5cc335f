import { type Allocation, allocate, type Choice } from '../../allocation/allocate.ts'
import { TersorError } from '../../errors.ts'

/** Times the plan is laid out to find the bytes of the whole file. */
const MOST_ROUNDS = 16

export interface ExactAllocation {
  readonly allocation: Allocation
  /** Of all files. */
  readonly bytes: number
}

/**
 * The allocation of least loss whose *file* fits the budget. Choices know their own bytes; names, nodes, float tensors and what is
 * shared come with the whole, so the file of each allocation is laid out and the room corrected by what was found.
 * Throws E_PLAN with the least possible bytes.
 */
export async function allocateExactly(
  groups: readonly (readonly Choice[])[],
  budget: number,
  bytesOf: (allocation: Allocation) => Promise<number>,
): Promise<ExactAllocation> {
  const least = groups.reduce((sum, choices) => sum + Math.min(...choices.map(({ bytes }) => bytes)), 0)
  const smallest = allocate(groups, least) as Allocation
  const leastBytes = await bytesOf(smallest)
  if (leastBytes > budget) {
    throw new TersorError(
      'E_PLAN',
      `the budget is ${Math.floor(budget)} bytes, and the least that is possible is ${leastBytes}`,
      {
        where: '--budget',
        hint: `--budget ${leastBytes}`,
      },
    )
  }
  let best: ExactAllocation = { allocation: smallest, bytes: leastBytes }
  // Room that is known to fit, and room that is known not to.
  let [low, high] = [smallest.bytes, Number.POSITIVE_INFINITY]
  let room = budget - (leastBytes - smallest.bytes)
  const known = new Map<string, number>()
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const allocation = allocate(groups, room)
    if (allocation === null) break
    const key = allocation.chosen.join()
    const bytes = known.get(key) ?? (await bytesOf(allocation))
    if (bytes <= budget) {
      if (allocation.loss <= best.allocation.loss) best = { allocation, bytes }
      if (known.has(key)) break
      low = Math.max(low, room)
      room = Math.min(high, room + budget - bytes)
    } else {
      high = Math.min(high, allocation.bytes - 1)
      room = allocation.bytes - (bytes - budget)
    }
    known.set(key, bytes)
    if (low >= high) break
    if (room <= low || room > high) room = Math.floor((low + Math.min(high, low * 2)) / 2)
  }
  return best
}
