import { roundHalfEven } from '../../numbers/rounding.ts'
import { power } from './power.ts'

const ROUNDS = 20
const BETA = 10
const KAPPA = 1.01
/** Errors below count as none: the smallest normal f32. */
const SMALLEST = 2 ** -126

/** One block of weights on a grid `scale * (code - zero)`, where the zero need not be a whole number. */
export interface HalfQuadraticGrid {
  readonly scale: number
  readonly zero: number
}

/**
 * Half-quadratic quantization (Badri & Shaji 2023) of one block: with the scale of its least and largest value, the zero z that makes
 * sum |w - s (q - z)|^0.7 small, found without data by turns,
 *
 *   e <- sign(r) max(|r| - |r|^(p - 1) / beta, 0)      r: what the codes leave of the weights
 *   z <- mean (q - (w - e) / s)                        beta <- 1.01 beta
 *
 * from beta = 10, until the mean error stops to fall, 20 times at most. The zero of least error is returned.
 */
export function halfQuadraticZero(values: Float32Array, mostCode: number): HalfQuadraticGrid {
  const { scale, zero: start } = plainGrid(values, mostCode)
  if (!(scale > 0)) return { scale: 0, zero: start }
  let [zero, best, least, beta] = [start, start, Number.POSITIVE_INFINITY, BETA]
  for (let round = 0; round < ROUNDS; round++) {
    let [error, sum] = [0, 0]
    for (const value of values) {
      const code = Math.max(0, Math.min(mostCode, roundHalfEven(value / scale + zero)))
      const rest = value - scale * (code - zero)
      error += Math.abs(rest)
      sum += code - (value - shrunk(rest, beta)) / scale
    }
    if (!(error < least)) break
    least = error
    best = zero
    zero = sum / values.length
    beta *= KAPPA
  }
  return { scale, zero: best }
}

/** A block on a grid that a file can hold. */
export interface HalfQuadraticBlock {
  readonly scale: number
  /** A code. */
  readonly zero: number
}

/**
 * The same split where the zero has to be a code: the scale is then what is free, and takes its own turn,
 * s <- <q - z, w - e> / <q - z, q - z>. Of all grids met, the one of least sum |r|^0.7 with its scale rounded by `stored` is kept.
 * `fixedZero`: of symmetric schemes.
 */
export function halfQuadraticBlock(
  values: Float32Array,
  mostCode: number,
  stored: (scale: number) => number,
  fixedZero?: number,
): HalfQuadraticBlock {
  const starts: HalfQuadraticGrid[] = []
  if (fixedZero === undefined) {
    const { scale, zero } = halfQuadraticZero(values, mostCode)
    const below = Math.floor(zero)
    for (const one of [below, below + 1]) starts.push({ scale, zero: Math.max(0, Math.min(mostCode, one)) })
    // A block on one side of 0 has its zero outside of the codes: the scale has to reach to 0 then.
    starts.push(zeroInside(values, mostCode))
  } else starts.push(...symmetricGrids(values, mostCode, fixedZero))
  let best: HalfQuadraticBlock = { scale: 0, zero: fixedZero ?? 0 }
  let least = normOf(values)
  for (const start of starts) {
    let [scale, beta] = [stored(start.scale), BETA]
    for (let round = 0; round < ROUNDS && scale !== 0; round++) {
      let [error, crossed, squares] = [0, 0, 0]
      for (const value of values) {
        const steps = Math.max(0, Math.min(mostCode, roundHalfEven(value / scale) + start.zero)) - start.zero
        const rest = value - Math.fround(scale * steps)
        error += normed(rest)
        crossed += steps * (value - shrunk(rest, beta))
        squares += steps * steps
      }
      if (error < least) {
        least = error
        best = { scale, zero: start.zero }
      } else if (round > 0) break
      const next = squares > 0 ? stored(crossed / squares) : 0
      if (next === scale) break
      scale = next
      beta *= KAPPA
    }
  }
  return best
}

function plainGrid(values: Float32Array, mostCode: number): HalfQuadraticGrid {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  const scale = (high - low) / mostCode
  return { scale, zero: scale > 0 ? -low / scale : 0 }
}

function zeroInside(values: Float32Array, mostCode: number): HalfQuadraticGrid {
  let [low, high] = [0, 0]
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  const scale = (high - low) / mostCode
  return { scale, zero: scale > 0 ? Math.max(0, Math.min(mostCode, roundHalfEven(-low / scale))) : 0 }
}

/** The largest magnitude on the last code, of either sign. */
function symmetricGrids(values: Float32Array, mostCode: number, zero: number): HalfQuadraticGrid[] {
  let largest = 0
  for (const value of values) largest = Math.abs(value) > Math.abs(largest) ? value : largest
  return [
    { scale: Math.abs(largest) / Math.max(1, mostCode - zero), zero },
    { scale: -largest / zero, zero },
  ].filter(({ scale }) => scale !== 0)
}

/** What is taken for an outlier of an error (generalized soft threshold of the norm). */
function shrunk(rest: number, beta: number): number {
  const size = Math.abs(rest)
  if (size < SMALLEST) return 0
  const left = size - 1 / (beta * power(size))
  return left > 0 ? (rest < 0 ? -left : left) : 0
}

function normOf(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += normed(value)
  return sum
}

/** |r|^0.7, as |r| / |r|^0.3. */
function normed(rest: number): number {
  const size = Math.abs(rest)
  return size < SMALLEST ? 0 : size / power(size)
}
