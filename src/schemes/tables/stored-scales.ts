import { powerOfTwo } from '../../numbers/power-of-two.ts'
import { decodeSmallFloat } from '../../numbers/small-floats.ts'
import { nearestLevel, scaledValue } from '../fitting/nearest-level.ts'
import type { PreparedTable } from '../fitting/prepared-table.ts'
import { summarize } from '../fitting/weighted-values.ts'

/** All scales that e8m0 holds: 2^-127 .. 2^127, ascending. */
export const E8M0_SCALES: Float32Array = Float32Array.from({ length: 255 }, (_, code) => powerOfTwo(code - 127))

/** All positive scales that e4m3fn holds: 2^-9 .. 448, ascending. */
export const E4M3_SCALES: Float32Array = Float32Array.from({ length: 126 }, (_, code) =>
  decodeSmallFloat(code + 1, 'e4m3fn'),
)

export interface StoredScaleOptions {
  /**
   * Twice every level is a level too, or lies beyond the last one. Then no scale is better than half of it as long as that
   * clips nothing, and the search need not look further up. True of floats and integers under powers of two.
   */
  readonly nested?: boolean
  /** Scales this many places above and below the least that clips nothing are tried; absent: all that could be best. */
  readonly window?: { readonly below: number; readonly above: number }
}

/** Above this many values they are not sorted: it would cost more than it saves. */
const MOST_SORTED = 256

/**
 * Index of the scale, of few that a type holds, with the least sum of importance x squared error; -1 where all values are zero
 * and no scale is needed. Brute force: every scale left out cannot be better, since clipping alone (below) or values that all
 * take the level nearest zero (above) cost more than the best one found. `scales` ascending and positive; a `sign` of -1
 * turns the values around. `energy` is the error of decoding all to 0.
 */
export function bestStoredScale(
  values: Float32Array,
  importance: Float32Array | undefined,
  table: PreparedTable,
  scales: Float32Array,
  options: StoredScaleOptions = {},
  sign: 1 | -1 = 1,
): { index: number; error: number; energy: number } {
  const block = summarize(values, importance)
  if (!(block.energy > 0)) return { index: -1, error: 0, energy: 0 }
  const { weights } = block
  const max = sign > 0 ? block.max : -block.min
  const min = sign > 0 ? block.min : -block.max
  const up = Math.max(table.above.reach, 0)
  const down = Math.max(table.below.reach, 0)
  const order = largestFirst(values, weights)
  const first = Math.min(leastHolding(max, min, up, down, scales), scales.length - 1)
  const { window } = options

  let index = first
  let error = errorAt(values, weights, order, table, scales[first]!, sign, Number.POSITIVE_INFINITY)
  const consider = (candidate: number) => {
    const found = errorAt(values, weights, order, table, scales[candidate]!, sign, error)
    if (found < error) {
      error = found
      index = candidate
    }
  }
  const lowest = window === undefined ? 0 : Math.max(0, first - window.below)
  for (let candidate = first - 1; candidate >= lowest; candidate--) {
    const scale = scales[candidate]!
    if (clipError(values, weights, order, scale * up, scale * down, sign, error) >= error) break
    consider(candidate)
  }
  if (!options.nested) {
    const highest = window === undefined ? scales.length - 1 : Math.min(scales.length - 1, first + window.above)
    const useless = uselessFrom(table, Math.max(max, -min))
    for (let candidate = first + 1; candidate <= highest; candidate++) {
      consider(candidate)
      if (scales[candidate]! >= useless) break
    }
  }
  return { index, error, energy: block.energy }
}

/** Index of the least scale at which nothing is clipped; scales.length if there is none. */
export function leastHolding(max: number, min: number, up: number, down: number, scales: Float32Array): number {
  let low = 0
  let high = scales.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((max <= 0 || scales[middle]! * up >= max) && (min >= 0 || scales[middle]! * down >= -min)) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * A scale from which on no larger one can be better: every value takes the level nearest zero. If that is zero, the error stays the
 * same; if not, it is at least twice any value away from it.
 */
function uselessFrom(table: PreparedTable, magnitude: number): number {
  const { levels, zeroIndex } = table
  const level = Math.abs(levels[zeroIndex]!)
  if (level > 0) return (2 * magnitude) / level
  const below = zeroIndex > 0 ? -levels[zeroIndex - 1]! : Number.POSITIVE_INFINITY
  const above = zeroIndex + 1 < levels.length ? levels[zeroIndex + 1]! : Number.POSITIVE_INFINITY
  return (2 * magnitude) / Math.min(below, above)
}

/** Positions by falling weighted magnitude, so that sums pass a limit early. */
function largestFirst(values: Float32Array, weights: Float32Array | undefined): Uint32Array {
  const count = values.length
  const order = new Uint32Array(count)
  for (let position = 0; position < count; position++) order[position] = position
  if (count > MOST_SORTED) return order
  const keys = new Float64Array(count)
  for (let position = 0; position < count; position++) {
    const x = values[position]!
    keys[position] = weights === undefined ? x * x : weights[position]! * x * x
  }
  for (let end = 1; end < order.length; end++) {
    const moved = order[end]!
    const key = keys[moved]!
    let at = end
    for (; at > 0 && keys[order[at - 1]!]! < key; at--) order[at] = order[at - 1]!
    order[at] = moved
  }
  return order
}

/** Sum of importance x squared error with this scale, or any sum of at least `limit`. */
function errorAt(
  values: Float32Array,
  weights: Float32Array | undefined,
  order: Uint32Array,
  table: PreparedTable,
  scale: number,
  sign: 1 | -1,
  limit: number,
): number {
  const signed = sign * scale
  const inverse = invertible(scale) ? Math.fround(1 / signed) : 0
  let sum = 0
  for (let place = 0; place < order.length && sum < limit; place++) {
    const position = order[place]!
    const x = values[position]!
    const t = inverse === 0 ? scaledValue(x, signed) : Math.fround(x * inverse)
    const level = table.levels[nearestLevel(table, t)]!
    const error = x - Math.fround(signed * level)
    sum += weights === undefined ? error * error : weights[position]! * error * error
  }
  return sum
}

/** As in `scaledValue`, which multiplies by the inverse of such scales. */
function invertible(scale: number): boolean {
  return scale >= 1.1754943508222875e-38 && scale <= 8.507059173023462e37
}

/** What values beyond the last levels cost at least, or any sum of at least `limit`. */
function clipError(
  values: Float32Array,
  weights: Float32Array | undefined,
  order: Uint32Array,
  up: number,
  down: number,
  sign: 1 | -1,
  limit: number,
): number {
  let sum = 0
  for (let place = 0; place < order.length && sum < limit; place++) {
    const position = order[place]!
    const x = sign * values[position]!
    const beyond = x > up ? x - up : x < -down ? -down - x : 0
    sum += weights === undefined ? beyond * beyond : weights[position]! * beyond * beyond
  }
  return sum
}
