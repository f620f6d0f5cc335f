import type { ValueRange } from '../../model/observer.ts'
import { absmaxOf, type Bins, binsOf, type Distribution } from './distribution.ts'
import { coveredRange, type GridOptions, gridOfRange } from './grid.ts'
import { quantizationError } from './quantization-error.ts'

export interface SearchOptions extends GridOptions {
  /** Candidates of the first search along each end; default 64. */
  readonly candidates?: number
}

/** How much clipping counts more than rounding in `sqnrRange`: the default of AIMET's TF-enhanced scheme. */
export const CLIP_WEIGHT = 3

/** Narrower ranges than this share of the full one are not tried in the first search; they follow where it ends there. */
const NARROWINGS = 3
/** Steps to either side of the best candidate, up to its neighbours. */
const FINER = 10

/**
 * The range whose grid gives the least squared error, found by search: both ends move inwards together, then each alone, then
 * finer around the best. Every candidate is judged as the grid it becomes (f32 scale, whole zero point), so the range given
 * back is one that a grid covers exactly.
 */
export function mseRange(distribution: Distribution, options: SearchOptions): ValueRange {
  return search(distribution, options, 1)
}

/** As `mseRange`, with what is cut off counted `clipWeight` times: a clipped value is lost for good, rounding averages out. */
export function sqnrRange(
  distribution: Distribution,
  options: SearchOptions & { readonly clipWeight?: number },
): ValueRange {
  return search(distribution, options, options.clipWeight ?? CLIP_WEIGHT)
}

interface Candidate {
  readonly cost: number
  /** Share of either end that is kept. */
  readonly low: number
  readonly high: number
}

function search(distribution: Distribution, options: SearchOptions, clipWeight: number): ValueRange {
  const { candidates = 64 } = options
  const bins = binsOf(distribution)
  const ends = endsOf(distribution, options.symmetric)
  if (ends.max - ends.min === 0) return { min: 0, max: 0 }
  const judge = (low: number, high: number): Candidate => ({
    cost: costOf(bins, { min: ends.min * low, max: ends.max * high }, options, clipWeight),
    low,
    high,
  })
  let best = judge(1, 1)
  const consider = (low: number, high: number): void => {
    const candidate = judge(low, high)
    if (candidate.cost < best.cost) best = candidate
  }
  const oneEnd = options.symmetric || ends.min === 0 || ends.max === 0
  let step = 1 / candidates
  for (let round = 0; round < NARROWINGS; round++, step /= candidates) {
    for (let at = candidates - 1; at >= 1; at--) consider(step * at, step * at)
    // Below the least candidate there may be more: a few outliers far from all else.
    if (best.high > step * 1.5) break
  }
  if (!oneEnd) {
    const joint = best
    for (let at = candidates; at >= 1; at--) consider(at / candidates, joint.high)
    const { low } = best
    for (let at = candidates; at >= 1; at--) consider(low, at / candidates)
  }
  const around = best
  for (let offset = -FINER; offset <= FINER; offset++) {
    // An end that did not come down with the other one was moved in whole steps.
    const moved = (end: number): number =>
      end + (offset / FINER) * Math.min(end, end > 1.5 / candidates ? 1 / candidates : step)
    const [low, high] = [moved(around.low), moved(around.high)]
    if (oneEnd) {
      if (high > 0 && high <= 1) consider(high, high)
      continue
    }
    if (low > 0 && low <= 1) consider(low, best.high)
    if (high > 0 && high <= 1) consider(best.low, high)
  }
  const found = { min: ends.min * best.low, max: ends.max * best.high }
  return coveredRange(gridOfRange(found, options), options)
}

function endsOf(distribution: Distribution, symmetric: boolean): ValueRange {
  const absmax = absmaxOf(distribution)
  if (symmetric) return { min: 0 - absmax, max: absmax }
  return { min: Math.min(distribution.min, 0), max: Math.max(distribution.max, 0) }
}

function costOf(bins: Bins, range: ValueRange, options: SearchOptions, clipWeight: number): number {
  const { rounding, clipping } = quantizationError(bins, gridOfRange(range, options), options.type)
  return rounding + clipWeight * clipping
}
