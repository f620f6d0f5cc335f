import { TersorError } from '../../errors.ts'
import type { ValueRange } from '../../model/observer.ts'
import { absmaxOf, binsOf, type Distribution } from './distribution.ts'

export type AciqDistribution = 'laplace' | 'gauss'

export interface AciqOptions {
  /** 2 to 16. Default 8. */
  readonly bits?: number
  /** Default: the one whose ratio of mean distance to standard deviation is nearer. */
  readonly distribution?: AciqDistribution
  /** Clip at the same distance on both sides of 0. Default false. */
  readonly symmetric?: boolean
}

/**
 * Best clip in units of the mean distance from the mean, by bits from 2: the x with x e^x = 3 * 4^bits.
 * One bit more is looked up where all values are on one side of 0.
 */
const LAPLACE: readonly number[] = [
  2.830683, 3.897229, 5.02864, 6.204766, 7.413126, 8.64562, 9.89676, 11.162685, 12.440591, 13.728385, 15.024465,
  16.327583, 17.636749, 18.951162, 20.270172, 21.593236,
]
/** Best clip in standard deviations, by bits from 2: the x with x erfc(x / sqrt 2) - sqrt(2 / pi) e^(-x^2 / 2) + x / (3 * 4^bits) = 0. */
const GAUSS: readonly number[] = [
  1.710635, 2.151593, 2.559136, 2.936201, 3.286914, 3.615114, 3.924035, 4.21633, 4.494161, 4.7593, 5.01321, 5.257111,
  5.492026, 5.718824, 5.938248, 6.150938,
]

/** Mean distance from the mean in standard deviations: 1 / sqrt 2 for Laplace, sqrt(2 / pi) for Gauss; half way. */
const HALF_WAY = 0.7524956709947

/**
 * Analytic clipping: the closed form that balances the expected squared errors of rounding and clipping for a Laplace or
 * Gauss distribution (Banner and others, "ACIQ", arXiv 1810.05723). A distribution without values below 0 counts as the
 * right half of one around 0, which has one bit more; the zeros
 * of a ReLU are no part of it. Never wider than what was seen.
 */
export function aciqRange(distribution: Distribution, options: AciqOptions = {}): ValueRange {
  const { bits = 8, symmetric = false } = options
  if (!(Number.isInteger(bits) && bits >= 2 && bits <= 16)) {
    throw new TersorError('E_USAGE', `expected 2 to 16 bits, found ${bits}`)
  }
  const oneSided = distribution.min >= 0 || distribution.max <= 0
  const centre = oneSided || symmetric ? 0 : undefined
  const { mean, distance, deviation } = momentsOf(distribution, centre, oneSided)
  if (deviation === 0) return symmetric ? mirrored(absmaxOf(distribution)) : rangeWithin(distribution, mean, 0)
  const kind = options.distribution ?? (distance / deviation < HALF_WAY ? 'laplace' : 'gauss')
  const place = bits - 2 + (oneSided && !symmetric ? 1 : 0)
  const clip = kind === 'laplace' ? LAPLACE[place]! * distance : GAUSS[place]! * deviation
  if (symmetric) return mirrored(Math.min(clip, absmaxOf(distribution)))
  return rangeWithin(distribution, mean, clip)
}

function mirrored(max: number): ValueRange {
  return { min: 0 - max, max }
}

function rangeWithin({ min, max }: ValueRange, mean: number, clip: number): ValueRange {
  return { min: Math.max(min, mean - clip), max: Math.min(max, mean + clip) }
}

/** Mean, mean distance from `centre` (default the mean) and root of the mean squared distance; evenly spread within bins. */
function momentsOf(
  distribution: Distribution,
  centre: number | undefined,
  withoutZeros: boolean,
): { readonly mean: number; readonly distance: number; readonly deviation: number } {
  const { from, to, count, ...all } = binsOf(distribution)
  const zeros = withoutZeros ? 0 : all.zeros
  const total = Math.max(all.total - all.zeros + zeros, 1)
  let sum = 0
  for (let bin = 0; bin < count.length; bin++) sum += (count[bin]! * (from[bin]! + to[bin]!)) / 2
  const mean = centre ?? sum / total
  let distances = zeros * Math.abs(mean)
  let squares = zeros * mean * mean
  for (let bin = 0; bin < count.length; bin++) {
    const [a, b] = [from[bin]! - mean, to[bin]! - mean]
    squares += (count[bin]! * (a * a + a * b + b * b)) / 3
    // Where the mean lies within the bin: the mean of |x| over [a, b].
    const inside = a < 0 && b > 0
    distances += count[bin]! * (inside ? (a * a + b * b) / (2 * (b - a)) : Math.abs(a + b) / 2)
  }
  return { mean, distance: distances / total, deviation: Math.sqrt(squares / total) }
}
