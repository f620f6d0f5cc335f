import { type Allocation, allocate, type Choice } from '../../allocation/allocate.ts'

/** Results that are tried at most. */
const MOST_TRIALS = 9

/**
 * The smallest allocation that was tried and loses no more than `most`, by halving the bytes between one that loses more and one that does
 * not. `lossOf` makes the result and measures it. `largest` (nothing quantized) is taken to lose nothing.
 */
export async function smallestWithin(
  choices: readonly (readonly Choice[])[],
  least: number,
  largest: number,
  most: number,
  lossOf: (allocation: Allocation, done: number, most: number) => Promise<number>,
): Promise<Allocation> {
  let within = allocate(choices, largest) as Allocation
  let low = least
  let done = 0
  const smallest = allocate(choices, least) as Allocation
  if ((await lossOf(smallest, done++, MOST_TRIALS)) <= most) return smallest
  while (done < MOST_TRIALS) {
    // Losses fall by powers while bytes rise: the middle of the ratio, not of the sum.
    const middle = Math.floor(Math.sqrt(low * within.bytes))
    const next = allocate(choices, middle)
    if (next === null || next.bytes <= low || next.bytes >= within.bytes) break
    if ((await lossOf(next, done++, MOST_TRIALS)) <= most) within = next
    else low = middle
  }
  return within
}
