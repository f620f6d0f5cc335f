import type { Observer, ValueRange } from '../../model/observer.ts'
import { powerOfTwo } from '../../numbers/power-of-two.ts'
import { extremesOf, joinRanges, NO_RANGE } from './extremes.ts'

/** Counts of the values in [i w, (i + 1) w), w = 2^exponent, for i from -counts.length / 2; and the exact range. */
export interface AlignedHistogram extends ValueRange {
  readonly exponent: number
  readonly counts: Float64Array
}

/** Width of the bins before anything but zeros was seen: the least f32. */
export const LEAST_EXPONENT = -149

/**
 * A histogram whose bins start at multiples of a power of two, as fine as the range allows. A wider range doubles the
 * width and joins neighbours, which loses nothing: the floor of a floor. So the counts depend on the values alone, and not
 * on their order, their batches or the way states were merged. `bins` is even; half of them lie below 0.
 */
export function alignedHistogramObserver(bins = 4096): Observer<AlignedHistogram> {
  const empty: AlignedHistogram = { ...NO_RANGE, exponent: LEAST_EXPONENT, counts: new Float64Array(bins) }
  const merge = (a: AlignedHistogram, b: AlignedHistogram): AlignedHistogram => {
    const exponent = Math.max(a.exponent, b.exponent)
    const [left, right] = [coarser(a, exponent), coarser(b, exponent)]
    return { ...joinRanges(a, b), exponent, counts: summed(left, right) }
  }
  return {
    kind: 'histogram',
    empty: () => empty,
    merge,
    observe(state, batch) {
      if (batch.length === 0) return state
      const range = extremesOf(batch)
      const exponent = exponentFor(range, bins / 2, state.exponent)
      const perUnit = powerOfTwo(-exponent)
      const counts = new Float64Array(bins)
      for (const value of batch) counts[Math.floor(value * perUnit) + bins / 2]! += 1
      return merge(state, { ...range, exponent, counts })
    },
  }
}

function summed(left: Float64Array, right: Float64Array): Float64Array {
  const counts = new Float64Array(left.length)
  for (let bin = 0; bin < counts.length; bin++) counts[bin] = left[bin]! + right[bin]!
  return counts
}

/** Least exponent, from `least` up, whose bins reach both ends. */
export function exponentFor({ min, max }: ValueRange, half: number, least: number): number {
  let exponent = least
  while (Math.floor(min * powerOfTwo(-exponent)) < -half || max * powerOfTwo(-exponent) >= half) exponent++
  return exponent
}

/** The same counts in wider bins. */
export function coarser(
  { exponent, counts }: Pick<AlignedHistogram, 'exponent' | 'counts'>,
  wanted: number,
): Float64Array {
  if (exponent === wanted) return counts
  const half = counts.length / 2
  const shrink = powerOfTwo(exponent - wanted)
  const joined = new Float64Array(counts.length)
  for (let bin = 0; bin < counts.length; bin++) joined[Math.floor((bin - half) * shrink) + half]! += counts[bin]!
  return joined
}
