import { runError, runMean, type SortedPoints } from './sorted-points.ts'

/** Splits between runs: the first point of every run but the first. Runs may be empty. */
export type Splits = Float64Array

/** Runs of about the same number of points. */
export function evenSplits(points: SortedPoints, runs: number): Splits {
  return Float64Array.from({ length: runs - 1 }, (_, i) => Math.floor((points.count * (i + 1)) / runs))
}

export function splitsError(points: SortedPoints, splits: Splits): number {
  let error = 0
  let from = 0
  for (const split of splits) {
    error += runError(points, from, split)
    from = split
  }
  return error + runError(points, from, points.count)
}

/**
 * Moves every split to the middle between the means of its runs until none moves. Each turn takes a search a split,
 * since means come from sums; the error never grows. Changes `splits`, returns their error.
 */
export function settleSplits(points: SortedPoints, splits: Splits, turns: number): number {
  const { values, count } = points
  for (let turn = 0; turn < turns; turn++) {
    let moved = false
    let from = 0
    for (let j = 0; j < splits.length; j++) {
      const split = splits[j]!
      const after = j + 1 < splits.length ? splits[j + 1]! : count
      if (split > from && after > split) {
        const middle = (runMean(points, from, split) + runMean(points, split, after)) / 2
        const better = firstAbove(values, from, after, middle)
        if (better !== split) {
          splits[j] = better
          moved = true
        }
      }
      from = splits[j]!
    }
    if (!moved) break
  }
  return splitsError(points, splits)
}

/** First index in from .. until whose value lies above `limit`. */
function firstAbove(values: Float64Array, from: number, until: number, limit: number): number {
  let low = from
  let high = until
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! > limit) high = middle
    else low = middle + 1
  }
  return low
}
