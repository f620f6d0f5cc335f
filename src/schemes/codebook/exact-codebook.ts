import { evenSplits, type Splits, settleSplits } from './lloyd.ts'
import { runMean, type SortedPoints, sortPoints } from './sorted-points.ts'
import { divideGroups } from './split-groups.ts'
import { type Candidates, leastErrors } from './split-search.ts'

/**
 * The `count` levels, ascending, that give values the least sum of weight x squared error at their nearest level. With
 * fewer different values than levels, these values, the last one repeated; without any value, zeros. Exact up to the
 * rounding of f64 sums, and then to f32.
 */
export function exactCodebook(values: Float32Array, weights: Float32Array | undefined, count: number): Float32Array {
  const points = sortPoints(values, weights)
  return levelsOf(points, points.count > count ? bestSplits(points, count) : null, count)
}

/** Means of the runs between splits; without splits, the points themselves. */
export function levelsOf(points: SortedPoints, splits: Splits | null, count: number): Float32Array {
  const levels = new Float32Array(count)
  let filled = 0
  if (splits === null) for (; filled < Math.min(count, points.count); filled++) levels[filled] = points.values[filled]!
  else {
    let from = 0
    for (let run = 0; run < count; run++) {
      const until = run < splits.length ? splits[run]! : points.count
      if (until > from) levels[filled++] = runMean(points, from, until)
      from = until
    }
  }
  if (filled > 0) levels.fill(levels[filled - 1]!, filled)
  return levels
}

/** Candidates a split in the first round, and the most in a later one. */
const GROUPS = 1024
/** Once so many single places stand for each group of the last round, they are taken as they are. */
const LAST_ROUND = 12
const TURNS = 200
/** Room for the rounding of sums when an error is held against the best known one. */
const SLACK = 1e-11

/**
 * Dynamic programming over groups of neighbouring splits instead of single ones. Leaving out the points that a group
 * leaves undecided can only lower the error of a run, so each group gets a bound that no solution through it is below;
 * groups bounded above a known solution are dropped, the rest divided, until every group is one split: then the bound
 * is the error.
 */
function bestSplits(points: SortedPoints, runs: number): Splits {
  let best = evenSplits(points, runs)
  let bestError = settleSplits(points, best, TURNS)
  let candidates: Candidates[] = Array.from({ length: runs - 1 }, (_, j) =>
    divideGroups(points, [j + 1], [points.count - runs + j + 1], GROUPS),
  )
  for (;;) {
    const finished = candidates.every(isDecided)
    const found = leastErrors(points, candidates, !finished)
    const started = Float64Array.from(found.path, (group, j) => candidates[j]!.last[group]!).sort()
    const error = settleSplits(points, started, finished ? 0 : TURNS)
    if (error < bestError) {
      bestError = error
      best = started
    }
    if (finished) return best
    const limit = bestError + SLACK * (bestError + Math.abs(points.second[points.count]! - points.second[0]!) * 1e-3)
    const kept = candidates.map((groups, j) => {
      const first: number[] = []
      const last: number[] = []
      for (let g = 0; g < groups.first.length; g++) {
        if (found.bounds[j]![g]! > limit) continue
        first.push(groups.first[g]!)
        last.push(groups.last[g]!)
      }
      return { first, last }
    })
    const places = kept.reduce(
      (sum, { first, last }) => sum + last.reduce((n, end, g) => n + end - first[g]! + 1, 0),
      0,
    )
    const groups = candidates.reduce((sum, { first }) => sum + first.length, 0)
    candidates = kept.map(({ first, last }) =>
      divideGroups(points, first, last, places <= LAST_ROUND * groups ? Infinity : Math.max(GROUPS, 2 * first.length)),
    )
  }
}

function isDecided(groups: Candidates): boolean {
  return groups.first.every((first, g) => first === groups.last[g])
}
