import { TersorError } from '../../errors.ts'
import type { ValueRange } from '../../model/observer.ts'
import { log2 } from '../../numbers/log2.ts'
import { powerOfTwo } from '../../numbers/power-of-two.ts'
import { absmaxOf, type Distribution, magnitudesOf } from './distribution.ts'

export interface EntropyOptions {
  /** Levels that the values are told apart by, on one side of 0 where `symmetric`. Default 128. */
  readonly levels?: number
  /** The same distance on both sides of 0, from the magnitudes. Default false. */
  readonly symmetric?: boolean
}

/** Stands for the probability 0 of what did occur. */
const NEVER = 1e-10
/** With more bins than this on a side every second reach is tried. */
const MOST_REACHES = 2048

/**
 * The range whose quantized distribution tells least from the original by Kullback-Leibler divergence: TensorRT's entropy
 * calibration. For every clip P is the distribution with what lies outside added to the outermost bins, and Q what `levels`
 * equal levels keep of the inside: each spread evenly over those of its bins that hold something. A histogram of 4096 bins or
 * more has at least 2048 of them (of 8192: per side) between 0 and the furthest value. Exact zeros are left out: they are on every grid.
 *
 * A level may end within a bin; its values count as evenly spread there. Levels narrower than a bin are not tried, so more
 * levels than bins give the extremes. One-sided distributions are clipped at their far end, others at the same distance from 0
 * on both sides, as far as either side reaches.
 */
export function entropyRange(distribution: Distribution, options: EntropyOptions = {}): ValueRange {
  const { levels = 128, symmetric = false } = options
  if (!(Number.isInteger(levels) && levels >= 2)) {
    throw new TersorError('E_USAGE', `expected 2 levels or more, found ${levels}`)
  }
  const seen = symmetric ? magnitudesOf(distribution) : distribution
  if (!(seen.min <= seen.max)) {
    throw new TersorError('E_USAGE', 'expected a distribution of at least one value, found an empty one')
  }
  const sums = sumsOf(seen)
  const width = powerOfTwo(seen.exponent)
  const first = Math.max(0, Math.floor(seen.min / width) + sums.half)
  const end = Math.floor(seen.max / width) + sums.half + 1
  const furthest = Math.max(sums.half - first, end - sums.half)
  let best = { divergence: Number.POSITIVE_INFINITY, reach: furthest }
  const step = furthest > MOST_REACHES ? 2 : 1
  for (let reach = furthest; reach >= 1; reach -= step) {
    const low = Math.max(first < sums.half ? sums.half - reach : sums.half, Math.min(first, sums.half))
    const high = Math.min(end > sums.half ? sums.half + reach : sums.half, Math.max(end, sums.half))
    if (high - low < levels) continue
    const divergence = divergenceOf(sums, low, high, levels)
    // Of equals the wider range: it clips less.
    if (divergence < best.divergence) best = { divergence, reach }
  }
  const clip = Math.min(best.reach * width, absmaxOf(seen))
  if (symmetric) return { min: 0 - clip, max: clip }
  return { min: Math.max(seen.min, 0 - clip), max: Math.min(seen.max, clip) }
}

/** Running sums up to the start of every bin: of counts c, of c log2 c, and of bins that hold something. */
interface Sums {
  readonly half: number
  readonly counts: Float64Array
  readonly count: Float64Array
  readonly entropy: Float64Array
  readonly filled: Float64Array
}

function sumsOf({ counts: given, zeros = 0 }: Distribution): Sums {
  const half = given.length / 2
  const counts = given.slice()
  counts[half]! -= zeros
  const [count, entropy, filled] = [0, 1, 2].map(() => new Float64Array(counts.length + 1)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  for (let bin = 0; bin < counts.length; bin++) {
    const c = counts[bin]!
    count[bin + 1] = count[bin]! + c
    entropy[bin + 1] = entropy[bin]! + (c > 0 ? c * log2(c) : 0)
    filled[bin + 1] = filled[bin]! + (c > 0 ? 1 : 0)
  }
  return { half, counts, count, entropy, filled }
}

/** KL(P || Q) in bits for the clip to bins low .. high - 1. */
function divergenceOf(sums: Sums, low: number, high: number, levels: number): number {
  const { counts, count, entropy, filled } = sums
  const total = count[counts.length]!
  const inside = count[high]! - count[low]!
  if (inside === 0) return total === 0 ? 0 : Number.POSITIVE_INFINITY
  let sum = 0
  let [countBefore, filledBefore] = [count[low]!, filled[low]!]
  let [lowest, highest] = [0, 0]
  for (let level = 1; level <= levels; level++) {
    const place = low + ((high - low) * level) / levels
    const [countHere, filledHere] = [between(count, place), between(filled, place)]
    const values = countHere - countBefore
    const density = values > 0 ? values / (filledHere - filledBefore) : 0
    if (values > 0) sum -= values * log2(density)
    if (level === 1) lowest = density
    if (level === levels) highest = density
    countBefore = countHere
    filledBefore = filledHere
  }
  sum += entropy[high]! - entropy[low]! + inside * log2(inside / total)
  const surplus = (bin: number, outside: number, density: number): number => {
    if (outside === 0) return 0
    const q = density > 0 ? density / inside : NEVER
    const held = counts[bin]!
    const before = held > 0 ? held * log2(held / total / q) : 0
    return (held + outside) * log2((held + outside) / total / q) - before
  }
  sum += surplus(high - 1, total - count[high]!, highest)
  sum += surplus(low, count[low]!, lowest)
  return sum / total
}

/** A running sum at a place within a bin. */
function between(running: Float64Array, place: number): number {
  const bin = Math.floor(place)
  if (bin >= running.length - 1) return running[running.length - 1]!
  return running[bin]! + (place - bin) * (running[bin + 1]! - running[bin]!)
}
