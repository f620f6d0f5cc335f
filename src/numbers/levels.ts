import { TersorError } from '../errors.ts'

/** Most levels whose values are listed. */
const MOST_POINTS = 65536
/** Codes of 32 bits. */
const MOST_LEVELS = 4294967296

export interface LevelRequest {
  readonly min: number
  readonly max: number
  /** 2 .. 2^32. Give either `levels` or `bits`. */
  readonly levels?: number
  /** 1 .. 32: 2^bits levels. */
  readonly bits?: number
}

/** Evenly spaced levels from `min` to `max`, both included. */
export interface LevelGrid {
  readonly min: number
  readonly max: number
  /** Number of levels. */
  readonly levels: number
  /** Bits of a code: the least number that holds all codes. */
  readonly bits: number
  /** max - min. */
  readonly range: number
  /** Distance of neighbouring levels: range / (levels - 1). 0 where min equals max: then every code means min. */
  readonly step: number
  /** 1 / 2^bits: the share of the range that one code stands for when the range is cut into 2^bits equal parts. */
  readonly precision: number
  /** First and last code. */
  readonly codeRange: readonly [number, number]
  /** Largest distance of a number within the range to the nearest level: half a step. */
  readonly errorBound: number
  /** Value of every code, ascending; ends exact, symmetric where the range is. Throws E_LIMIT above 65,536 levels. */
  points(): Float64Array
}

/**
 * Level determination: step, precision and code range of evenly spaced levels, for any number of levels from 2.
 *
 * `levels({ min: -1, max: 1, levels: 8 })` has the step 2/7 = 0.2857..., 3 bits and codes 0 .. 7;
 * `levels({ min: -1, max: 1, bits: 8 })` has 256 levels and the precision 1/256 = 0.00390625.
 *
 * Throws E_USAGE for limits that are not finite, min > max, a range beyond the doubles, levels that are no integer of
 * 2 .. 2^32, bits that are no integer of 1 .. 32, and when not exactly one of `levels` and `bits` is given.
 */
export function levels(request: LevelRequest): LevelGrid {
  const { min, max } = request
  const range = checkedRange(min, max)
  const count = checkedCount(request)
  const bits = bitsFor(count)
  const step = range / (count - 1)
  return {
    min,
    max,
    levels: count,
    bits,
    range,
    step,
    precision: 1 / 2 ** bits,
    codeRange: [0, count - 1],
    errorBound: step / 2,
    points: () => points(min, max, step, count),
  }
}

function checkedRange(min: number, max: number): number {
  if (!Number.isFinite(min) || !Number.isFinite(max)) {
    throw new TersorError('E_USAGE', `expected finite limits, found min ${min} and max ${max}`)
  }
  if (min > max) throw new TersorError('E_USAGE', `expected min to be at most max, found ${min} > ${max}`)
  const range = max - min
  if (!Number.isFinite(range)) {
    throw new TersorError('E_USAGE', `expected a range that a double holds, found ${min} to ${max}`)
  }
  return range
}

function checkedCount({ levels: count, bits }: LevelRequest): number {
  if ((count === undefined) === (bits === undefined)) {
    throw new TersorError(
      'E_USAGE',
      `expected either levels or bits, found ${count === undefined ? 'neither' : 'both'}`,
    )
  }
  if (bits !== undefined) {
    if (Number.isInteger(bits) && bits >= 1 && bits <= 32) return 2 ** bits
    throw new TersorError('E_USAGE', `expected 1 to 32 bits, found ${bits}`)
  }
  if (Number.isInteger(count) && count! >= 2 && count! <= MOST_LEVELS) return count!
  throw new TersorError('E_USAGE', `expected 2 to ${MOST_LEVELS} levels, found ${count}`)
}

function bitsFor(count: number): number {
  let bits = 1
  for (let held = 2; held < count; held *= 2) bits++
  return bits
}

function points(min: number, max: number, step: number, count: number): Float64Array {
  if (count > MOST_POINTS) {
    throw new TersorError('E_LIMIT', `expected at most ${MOST_POINTS} levels to list, found ${count}`)
  }
  const last = count - 1
  const middle = last / 2
  // From the nearer end, so that both ends are exact; the middle one only if it is a level.
  return Float64Array.from({ length: count }, (_, code) => {
    if (code === middle) return min + (max - min) / 2
    return code < middle ? min + code * step : max - (last - code) * step
  })
}
