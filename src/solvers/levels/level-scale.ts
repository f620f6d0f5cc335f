import type { CodedSpec } from '../../model/packing.ts'
import { roundToF16 } from '../../numbers/f16.ts'
import { type CodeLevels, nearestIndex } from '../../numbers/level-tables/code-levels.ts'
import { meanMagnitude } from '../../numbers/mean-magnitude.ts'

const { fround } = Math

/** Neighbouring candidates are 2^(1/8) apart. */
const STEP = 1.0905077326652577
/** Candidates begin at this part of the scale that reaches everything; tables of few levels clip more. */
const LEAST = 0.7
const LEAST_OF_FEW = 0.2
const FEW = 8
/** Above it the outer levels of uneven tables stay unused. */
const MOST = 2
/** Values that candidates are compared on: of longer blocks so many, evenly spread. */
const SAMPLED = 1024
const REFITS = 3

/** A threshold in parts of the mean magnitude: ternary codes (Li, Liu 2016). */
const BEYOND = 0.7
const MOST_F16 = 65504

/** Scale of one block of values under a table of levels. */
export type LevelFit = (values: Float32Array) => number

/**
 * The plain scale: the least at which no level is passed, so the largest magnitude where the outer levels are 1 (bitsandbytes); for
 * -1, 1 the mean magnitude, for -1, 0, 1 that of the values beyond 0.7 times it.
 */
export function nearestFit(spec: CodedSpec, levels: CodeLevels): LevelFit {
  const round = rounding(spec)
  const only = spec.family === 'integer' ? spec.only : undefined
  if (only === undefined) return (values) => round(reachOf(values, levels))
  return (values) => {
    const mean = meanMagnitude(values, 0, values.length)
    return round(only === 'binary' ? mean : meanMagnitude(values, 0, values.length, fround(BEYOND * mean)))
  }
}

/**
 * Least squared error: scales around the plain one, the best with the scale that suits their codes; of either sign where the table
 * is not the same mirrored. Never worse than the plain one.
 */
export function searchFit(spec: CodedSpec, levels: CodeLevels): LevelFit {
  const round = rounding(spec)
  const plain = nearestFit(spec, levels)
  const least = levels.levels.length <= FEW ? LEAST_OF_FEW : LEAST
  const sums = { cross: 0, square: 0 }
  const sampled = new Float32Array(SAMPLED)
  return (values) => {
    const reach = reachOf(values, levels)
    if (!(reach > 0)) return 0
    let best = plain(values)
    addUp(values, levels, best, sums)
    let gain = gainOf(sums, best)
    const some = values.length > 2 * SAMPLED ? spread(values, sampled) : values
    const wanted: { scale: number; gain: number }[] = []
    for (const sign of levels.mirrored ? [1] : [1, -1]) {
      const widest = sign > 0 ? reach : -reachOf(values, levels, true)
      for (let part = least; part < MOST; part *= STEP) {
        addUp(some, levels, widest * part, sums)
        const scale = sums.cross / sums.square
        if (scale * sign > 0) wanted.push({ scale, gain: scale * sums.cross })
      }
    }
    wanted.sort((a, b) => b.gain - a.gain || a.scale - b.scale)
    for (const { scale } of wanted.slice(0, 2)) {
      let next = scale
      let stored = 0
      for (let turn = 0; turn < REFITS && next * scale > 0; turn++) {
        const before = stored
        stored = round(next)
        if (stored === before || stored === 0) break
        addUp(values, levels, stored, sums)
        const own = gainOf(sums, stored)
        if (own > gain) {
          gain = own
          best = stored
        }
        next = sums.cross / sums.square
      }
    }
    return best
  }
}

function rounding({ scale }: CodedSpec): (value: number) => number {
  if (scale === 'f32') return fround
  return (value) => roundToF16(value > MOST_F16 ? MOST_F16 : value < -MOST_F16 ? -MOST_F16 : value)
}

/** The least scale at which no value lies beyond the outer levels, rounded to f32; mirrored: for a negative scale, as its magnitude. */
function reachOf(values: Float32Array, { levels }: CodeLevels, mirrored = false): number {
  let [high, low] = [0, 0]
  for (const value of values) {
    if (value > high) high = value
    if (value < low) low = value
  }
  const [up, down] = [levels[levels.length - 1] as number, -(levels[0] as number)]
  const [above, below] = mirrored ? [down, up] : [up, down]
  return fround(Math.max(above > 0 ? high / above : 0, below > 0 ? -low / below : 0))
}

/** Sums of value * level and level^2 of what values become at a scale. */
function addUp(values: Float32Array, levels: CodeLevels, scale: number, sums: { cross: number; square: number }): void {
  const { levels: at, thresholds } = levels
  const inverse = 1 / scale
  let [cross, square] = [0, 0]
  const widest = thresholds.length >>> 1
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    const t = value * inverse
    let index = 0
    for (let half = widest; half > 0; half >>>= 1) if (t > (thresholds[index + half - 1] as number)) index += half
    const level = at[index] as number
    cross += value * level
    square += level * level
  }
  sums.cross = cross
  sums.square = square
}

/** By how much the squared error is less than that of zeros. */
function gainOf({ cross, square }: { readonly cross: number; readonly square: number }, scale: number): number {
  return scale * (2 * cross - scale * square)
}

function spread(values: Float32Array, target: Float32Array): Float32Array {
  for (let i = 0; i < target.length; i++) {
    target[i] = values[Math.floor(((2 * i + 1) * values.length) / (2 * target.length))] as number
  }
  return target
}

/** Codes of a block: the nearest level of fround(value * fround(1 / scale)), as bitsandbytes has it. Returns the squared error. */
export function encodeLevels(values: Float32Array, scale: number, table: CodeLevels, codes: Uint8Array): number {
  const { codes: named, levels, zero } = table
  const inverse = scale === 0 ? 0 : fround(1 / scale)
  const divides = !Number.isFinite(inverse)
  let error = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    const index = scale === 0 ? zero : nearestIndex(table, fround(divides ? value / scale : value * inverse))
    codes[i] = named[index] as number
    const away = value - fround(scale * (levels[index] as number))
    error += away * away
  }
  return error
}
