import type { ValueRange } from '../../model/observer.ts'
import { absmaxOf, type Bins, binsOf, type Distribution } from './distribution.ts'
import { coveredRange, type GridOptions, gridOfRange } from './grid.ts'
import { quantizationError } from './quantization-error.ts'

export interface SearchOptions extends GridOptions {
  /** Candidates of the first search along each end; default 100. */
  readonly candidates?: number
}

/** How much clipping counts more than rounding in `sqnrRange`: the default of AIMET's TF-enhanced scheme. */
export const CLIP_WEIGHT = 3

/** Narrower ranges than this share of the full one are not tried in the first search; they follow where it ends there. */
const NARROWINGS = 3

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
  const { candidates = 100 } = options
  const bins = binsOf(distribution)
  const ends = endsOf(distribution, options.symmetric)
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
  for (let round = 0, top = 1; round < NARROWINGS; round++, top /= candidates) {
    for (let at = candidates - 1; at >= 1; at--) consider((top * at) / candidates, (top * at) / candidates)
    // Below the least candidate there may be more: a few outliers far from all else.
    if (best.high > (top * 1.5) / candidates) break
  }
  if (!oneEnd) {
    const joint = best
    for (let at = candidates; at >= 1; at--) consider(at / candidates, joint.high)
    const { low } = best
    for (let at = candidates; at >= 1; at--) consider(low, at / candidates)
  }
  for (let step = best.high / candidates, round = 0; round < 2; round++, step /= 10) {
    const around = best
    for (let offset = -10; offset <= 10; offset++) {
      const [low, high] = [around.low + offset * step, around.high + offset * step]
      if (oneEnd) {
        if (high > 0 && high <= 1) consider(high, high)
        continue
      }
      if (low > 0 && low <= 1) consider(low, best.high)
      if (high > 0 && high <= 1) consider(best.low, high)
    }
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
