import { type Allocation, allocate, type Choice } from '../../allocation/allocate.ts'
import { TersorError } from '../../errors.ts'

/** Times the plan is laid out to find the bytes of the whole file. */
const MOST_ROUNDS = 8

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
  let room = budget - (leastBytes - smallest.bytes)
  const seen = new Set<string>()
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const allocation = allocate(groups, room)
    if (allocation === null) break
    const key = allocation.chosen.join()
    if (seen.has(key)) break
    seen.add(key)
    const bytes = await bytesOf(allocation)
    if (bytes <= budget && allocation.loss <= best.allocation.loss) best = { allocation, bytes }
    room += budget - bytes
  }
  return best
}
