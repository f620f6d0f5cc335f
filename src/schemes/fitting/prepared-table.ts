import type { LevelTable } from '../../model/array-scheme.ts'

/** A value exactly between two levels goes to the lower one, or to the one whose code is even. */
export type Ties = 'lower' | 'even'

/** A level table with what the nearest-level search and the scale searches need. Share it: it is never changed. */
export interface PreparedTable {
  /** Ascending and different. */
  readonly levels: Float32Array
  /** Code of each level. */
  readonly codes: Uint16Array
  /** The point exactly between neighbours, levels - 1 of them. */
  readonly midpoints: Float64Array
  /** t above thresholds[i] belongs to a level after i. Padded with Infinity to a power of two. */
  readonly thresholds: Float64Array
  /** Index of the level nearest 0, the lower one of two. */
  readonly zeroIndex: number
  /** Levels are consecutive multiples of one step, so that an index can be computed; else 0. */
  readonly step: number
  /** The negative of a level is a level: a negative scale brings nothing. */
  readonly symmetric: boolean
  /** Steps from one level to the next as seen from 0, for each sign of value. */
  readonly above: Steps
  readonly below: Steps
}

/** What a value of one sign passes while a positive scale shrinks from infinity: magnitudes ascending. */
export interface Steps {
  /** Index of the level taken by the smallest values of this sign. */
  readonly start: number
  /** Magnitudes of the midpoints. */
  readonly points: Float64Array
  /** Change of the level, as magnitude in the direction of the value. */
  readonly rise: Float64Array
  /** Change of the squared level. */
  readonly riseSquared: Float64Array
  /** Magnitude of the last level in the direction of the value: negative if no level has that sign. */
  readonly reach: number
}

/** Levels must be ascending, different and finite: a programming error otherwise, not checked here. */
export function prepareTable(table: LevelTable, ties: Ties = 'lower'): PreparedTable {
  const { levels } = table
  const count = levels.length
  const codes = table.codes ?? Uint16Array.from(levels, (_, index) => index)
  const midpoints = new Float64Array(Math.max(count - 1, 0))
  let padded = 1
  while (padded < count) padded *= 2
  const thresholds = new Float64Array(padded).fill(Infinity)
  for (let i = 0; i + 1 < count; i++) {
    const middle = (levels[i]! + levels[i + 1]!) / 2
    midpoints[i] = middle
    thresholds[i] = ties === 'even' && codes[i]! % 2 === 1 && codes[i + 1]! % 2 === 0 ? justBelow(middle) : middle
  }
  let zeroIndex = 0
  for (let i = 1; i < count; i++) if (Math.abs(levels[i]!) < Math.abs(levels[zeroIndex]!)) zeroIndex = i
  return {
    levels,
    codes,
    midpoints,
    thresholds,
    zeroIndex,
    step: evenStep(levels),
    symmetric: levels.every((level, index) => level === -levels[count - 1 - index]!),
    above: stepsFrom(levels, midpoints, 1),
    below: stepsFrom(levels, midpoints, -1),
  }
}

/** A double under `value` that no f32 separates from it. */
function justBelow(value: number): number {
  return value === 0 ? -1e-60 : value - Math.abs(value) * 2 ** -50
}

function evenStep(levels: Float32Array): number {
  if (levels.length < 2) return 0
  const step = levels[1]! - levels[0]!
  for (let i = 2; i < levels.length; i++) if (levels[i]! - levels[i - 1]! !== step) return 0
  return step
}

function stepsFrom(levels: Float32Array, midpoints: Float64Array, sign: 1 | -1): Steps {
  const count = levels.length
  const level = (i: number) => sign * levels[sign > 0 ? i : count - 1 - i]!
  const middle = (i: number) => sign * midpoints[sign > 0 ? i : count - 2 - i]!
  let first = 0
  while (first < count - 1 && middle(first) <= 0) first++
  const left = count - 1 - first
  const points = new Float64Array(left)
  const rise = new Float64Array(left)
  const riseSquared = new Float64Array(left)
  for (let k = 0; k < left; k++) {
    const i = first + k
    points[k] = middle(i)
    rise[k] = level(i + 1) - level(i)
    riseSquared[k] = level(i + 1) * level(i + 1) - level(i) * level(i)
  }
  return { start: sign > 0 ? first : count - 1 - first, points, rise, riseSquared, reach: level(count - 1) }
}
