/**
 * Rows of a weight that are so much larger than the rest that they alone set the scales of its columns. Kept in float (a few
 * channels of the activation, multiplied apart and added), they leave every other weight finer steps: the split of LLM.int8()
 * (Dettmers et al. 2022), which finds the channels in activations at run time, here found in the weights. Transformers
 * have them: one hidden unit writes the massive activation of the first token, with weights 50 times the median.
 */

/** Rows looked at, largest first. */
export const MOST_ROWS = 16

/** A further row must take this share of the noise that the rows before it left. */
const WORTH_ONE = 0.15
/** All chosen rows together must take this share. */
const WORTH_ALL = 0.3
/** Rows of one matrix that may stay float: one in so many. */
const ONE_IN = 64

/** Indices of the largest values, largest first; lower index first among equals. */
export function largestRows(sizes: Float64Array): readonly number[] {
  const order = Array.from(sizes.keys()).sort((a, b) => (sizes[b] as number) - (sizes[a] as number) || a - b)
  return order.slice(0, MOST_ROWS)
}

/**
 * How many of the candidate rows to keep in float. `rest` holds the largest magnitude of each column without the candidates,
 * `candidates` the magnitudes of each candidate row, largest row first. The noise of codes goes with the square of a
 * column's largest value.
 */
export function rowsWorthKeeping(depth: number, rest: Float64Array, candidates: readonly Float64Array[]): number {
  const most = Math.min(candidates.length, Math.floor(depth / ONE_IN))
  const noise: number[] = []
  const largest = Float64Array.from(rest)
  for (let left = candidates.length; left >= 0; left--) {
    noise[left] = largest.reduce((sum, value) => sum + value * value, 0)
    const row = candidates[left - 1]
    if (row) for (let n = 0; n < largest.length; n++) largest[n] = Math.max(largest[n] as number, row[n] as number)
  }
  // A row may be worth it only together with the next one: the columns it shares with that one stay large until both are out.
  let kept = 0
  for (let count = 1; count <= most; count++) {
    const gained = 1 - (noise[count] as number) / (noise[kept] as number)
    if (gained >= WORTH_ONE * (count - kept)) kept = count
  }
  const total = noise[0] as number
  return total > 0 && 1 - (noise[kept] as number) / total >= WORTH_ALL ? kept : 0
}

/** Sums of a hundred thousand squares are closer than this. */
const MARGIN = 1e-6

/**
 * Whether no row can be worth it, from less than `rowsWorthKeeping` needs: `all` holds the largest magnitude of each column over all
 * rows, `candidates` values of the candidate rows. Columns whose largest value lies in no candidate keep their noise whatever is taken out.
 */
export function areNoneWorthKeeping(all: Float64Array, candidates: readonly ArrayLike<number>[]): boolean {
  let total = 0
  let stays = 0
  for (const [n, value] of all.entries()) {
    total += value * value
    if (candidates.every((row) => Math.abs(row[n] as number) < value)) stays += value * value
  }
  return total === 0 || stays > (1 - WORTH_ALL + MARGIN) * total
}
