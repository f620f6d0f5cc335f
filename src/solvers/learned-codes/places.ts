import { type CodeLevels, nearestIndex } from '../../numbers/level-tables/code-levels.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'

/** How far from the middle of its code a value may start: what was chosen before stays until there is a reason. */
const INSIDE = 0.49

/** Where a value stands among the levels of its codes, in mean steps from level to level. */
export interface Places {
  /** A mean step, in units of the scale. */
  readonly unit: number
  /** The place that `exact` has (null: not known), inside what rounds to `code`. */
  start(exact: number | null, code: number, zero: number): number
  /** The level of a place, in units of the scale. */
  level(place: number, zero: number): number
  code(place: number, zero: number): number
  /** No farther out than half a step. */
  bounded(place: number, zero: number): number
}

export function placesOfIntegers(bits: number): Places {
  const most = 2 ** bits - 1
  const level = (place: number, zero: number): number => Math.min(most - zero, Math.max(-zero, roundHalfEven(place)))
  return {
    unit: 1,
    start: (exact, code, zero) => {
      const middle = code - zero
      return exact === null ? middle : Math.min(middle + INSIDE, Math.max(middle - INSIDE, exact))
    },
    level,
    code: (place, zero) => level(place, zero) + zero,
    bounded: (place, zero) => Math.min(most - zero + INSIDE, Math.max(-zero - INSIDE, place)),
  }
}

export function placesOfLevels(table: CodeLevels): Places {
  const { levels, codes, indices } = table
  const last = levels.length - 1
  const unit = ((levels[last] as number) - (levels[0] as number)) / last
  const at = (index: number): number => (levels[index] as number) / unit
  // Beyond the outer levels a value goes half of a step, which is that of its neighbour.
  const low = at(0) - INSIDE * (at(1) - at(0))
  const high = at(last) + INSIDE * (at(last) - at(last - 1))
  const bounded = (place: number): number => Math.min(high, Math.max(low, place))
  return {
    unit,
    start: (exact, code) => {
      const index = indices[code] as number
      const own = at(index)
      if (exact === null) return own
      const below = index === 0 ? low : own - INSIDE * (own - at(index - 1))
      const above = index === last ? high : own + INSIDE * (at(index + 1) - own)
      return Math.min(above, Math.max(below, exact))
    },
    level: (place) => levels[nearestIndex(table, place * unit)] as number,
    code: (place) => codes[nearestIndex(table, place * unit)] as number,
    bounded,
  }
}
