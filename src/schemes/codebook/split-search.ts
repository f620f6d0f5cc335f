import { runError, type SortedPoints } from './sorted-points.ts'

/** Where one split may lie: groups of neighbouring places, ascending; both ends belong to the group. */
export interface Candidates {
  readonly first: Float64Array
  readonly last: Float64Array
}

export interface LeastErrors {
  /**
   * For every split and group: what any solution with that split in that group costs at least. Empty if not asked for.
   */
  readonly bounds: readonly Float64Array[]
  /** Groups of a solution whose bound is the least of all. */
  readonly path: readonly number[]
}

/**
 * Dynamic programming from both ends. The error of a run obeys the quadrangle inequality, so the best group before
 * moves with the group (divide and conquer: groups x log groups for each split).
 */
export function leastErrors(points: SortedPoints, splits: readonly Candidates[], wantsBounds: boolean): LeastErrors {
  const ends: Candidates[] = [
    { first: Float64Array.of(0), last: Float64Array.of(0) },
    ...splits,
    { first: Float64Array.of(points.count), last: Float64Array.of(points.count) },
  ]
  const left: Float64Array[] = [Float64Array.of(0)]
  const choices: Uint32Array[] = [Uint32Array.of(0)]
  for (let j = 1; j < ends.length; j++) {
    const here = ends[j]!
    const before = ends[j - 1]!
    const sums = left[j - 1]!
    const errors = new Float64Array(here.first.length)
    const choice = new Uint32Array(here.first.length)
    const cost = (group: number, earlier: number) =>
      sums[earlier]! + runError(points, before.last[earlier]!, here.first[group]!)
    conquer(errors, choice, cost, 0, errors.length - 1, 0, sums.length - 1)
    left.push(errors)
    choices.push(choice)
  }
  const bounds: Float64Array[] = []
  let right: Float64Array = Float64Array.of(0)
  for (let j = ends.length - 2; wantsBounds && j > 0; j--) {
    const here = ends[j]!
    const after = ends[j + 1]!
    const sums = right
    const errors = new Float64Array(here.first.length)
    const choice = new Uint32Array(here.first.length)
    const cost = (group: number, later: number) =>
      sums[later]! + runError(points, here.last[group]!, after.first[later]!)
    conquer(errors, choice, cost, 0, errors.length - 1, 0, sums.length - 1)
    bounds[j - 1] = errors.map((error, group) => error + left[j]![group]!)
    right = errors
  }
  const path: number[] = []
  for (let j = ends.length - 1, group = 0; j > 1; j--) {
    group = choices[j]![group]!
    path[j - 2] = group
  }
  return { bounds, path }
}

/** Least cost of each group in low .. high, its best partner within from .. until; partners ascend with groups. */
function conquer(
  errors: Float64Array,
  choice: Uint32Array,
  cost: (group: number, partner: number) => number,
  low: number,
  high: number,
  from: number,
  until: number,
): void {
  if (low > high) return
  const middle = (low + high) >>> 1
  let least = Infinity
  let best = from
  for (let partner = from; partner <= until; partner++) {
    const error = cost(middle, partner)
    if (error < least) {
      least = error
      best = partner
    }
  }
  errors[middle] = least
  choice[middle] = best
  conquer(errors, choice, cost, low, middle - 1, from, best)
  conquer(errors, choice, cost, middle + 1, high, best, until)
}
