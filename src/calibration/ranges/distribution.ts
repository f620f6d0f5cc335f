import { TersorError } from '../../errors.ts'
import { powerOfTwo } from '../../numbers/power-of-two.ts'
import type { AlignedHistogram } from '../observers/aligned-histogram.ts'

/** What a range is found from: an aligned histogram, and how many of its values are exactly 0 (default: not known, none). */
export interface Distribution extends AlignedHistogram {
  readonly zeros?: number
}

/**
 * A distribution as the range finders see it: `count` values spread evenly over [from, to), bin by bin, and `zeros` values
 * that are exactly 0. Bins are cut at the least and the greatest value, so that no mass lies where nothing was seen.
 */
export interface Bins {
  readonly from: Float64Array
  readonly to: Float64Array
  readonly count: Float64Array
  readonly zeros: number
  /** All values, zeros included. */
  readonly total: number
}

/** The bins that hold something, in order. E_USAGE for a distribution of no values. */
export function binsOf({ min, max, exponent, counts, zeros = 0 }: Distribution): Bins {
  const half = counts.length / 2
  const width = powerOfTwo(exponent)
  const { held, total } = heldBins(counts, zeros)
  if (total === 0 || !(min <= max)) {
    throw new TersorError('E_USAGE', 'expected a distribution of at least one value, found an empty one')
  }
  const bins = {
    from: new Float64Array(held.length),
    to: new Float64Array(held.length),
    count: new Float64Array(held.length),
    zeros,
    total,
  }
  for (let at = 0; at < held.length; at++) {
    const bin = held[at]!
    bins.from[at] = Math.max((bin - half) * width, min)
    bins.to[at] = Math.min((bin - half + 1) * width, max)
    bins.count[at] = counts[bin]! - (bin === half ? zeros : 0)
  }
  return bins
}

/** Bins that hold something besides the zeros, which are in the bin that starts at 0. */
function heldBins(counts: Float64Array, zeros: number): { readonly held: Uint32Array; readonly total: number } {
  const held = new Uint32Array(counts.length)
  const half = counts.length / 2
  let count = 0
  let total = 0
  for (let bin = 0; bin < counts.length; bin++) {
    const own = counts[bin]!
    if (own === 0) continue
    total += own
    if (bin !== half || own > zeros) held[count++] = bin
  }
  return { held: held.subarray(0, count), total }
}

/** The distribution of the magnitudes: what lies below 0 is added to its mirror image. */
export function magnitudesOf(distribution: Distribution): Distribution {
  const { min, max, exponent, counts, zeros = 0 } = distribution
  if (min >= 0) return distribution
  const half = counts.length / 2
  const width = powerOfTwo(exponent)
  // The lowest bin starts at -half w: its mirror image ends there, so it needs no bin more.
  const folded = new Float64Array(counts.length)
  for (let bin = 0; bin < half; bin++) {
    folded[half + bin] = counts[half + bin]! + counts[half - 1 - bin]!
  }
  const least = max < 0 ? -max : leastMagnitude(counts, half, width, zeros)
  return { min: least, max: Math.max(-min, max), exponent, counts: folded, zeros }
}

function leastMagnitude(counts: Float64Array, half: number, width: number, zeros: number): number {
  if (zeros > 0) return 0
  let bin = 0
  while (counts[half + bin]! + counts[half - 1 - bin]! === 0) bin++
  return bin * width
}

/** The greatest magnitude. */
export function absmaxOf({ min, max }: { readonly min: number; readonly max: number }): number {
  return Math.max(-min, max, 0)
}
