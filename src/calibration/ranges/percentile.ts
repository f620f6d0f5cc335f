import { TersorError } from '../../errors.ts'
import type { ValueRange } from '../../model/observer.ts'
import { type Bins, binsOf, type Distribution, magnitudesOf } from './distribution.ts'

export interface PercentileOptions {
  /** The same distance on both sides of 0, from the percentile of the magnitudes. Default false. */
  readonly symmetric?: boolean
}

/**
 * The range that holds the share `p` of all values (0.99999: one in 100,000 is cut off): half of the rest is cut at either
 * end, or all of it by magnitude where `symmetric`. Within a bin values count as evenly spread. 1 gives the extremes.
 */
export function percentileRange(
  distribution: Distribution,
  p: number,
  { symmetric = false }: PercentileOptions = {},
): ValueRange {
  if (!(p > 0 && p <= 1)) throw new TersorError('E_USAGE', `expected a share above 0 and up to 1, found ${p}`)
  if (symmetric) {
    const magnitudes = magnitudesOf(distribution)
    const max = valueAt(binsOf(magnitudes), magnitudes, p)
    return { min: 0 - max, max }
  }
  const bins = binsOf(distribution)
  const tail = (1 - p) / 2
  return { min: valueAt(bins, distribution, tail), max: valueAt(bins, distribution, 1 - tail) }
}

/** The least value that has at least `share` of all values at or below it. */
function valueAt({ from, to, count, zeros, total }: Bins, { min, max }: ValueRange, share: number): number {
  if (share <= 0) return min
  if (share >= 1) return max
  const wanted = share * total
  let before = 0
  let passedZero = zeros === 0
  for (let bin = 0; bin < count.length; bin++) {
    if (!passedZero && from[bin]! >= 0) {
      passedZero = true
      before += zeros
      if (before >= wanted) return 0
    }
    if (before + count[bin]! >= wanted) {
      const part = (wanted - before) / count[bin]!
      return Math.min(Math.max(from[bin]! + part * (to[bin]! - from[bin]!), min), max)
    }
    before += count[bin]!
  }
  return passedZero ? max : 0
}
