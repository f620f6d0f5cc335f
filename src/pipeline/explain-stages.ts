import type { CodeRounding } from '../model/array-scheme.ts'
import { round, roundStochastic } from '../numbers/rounding.ts'

/** Evenly spaced levels as stored: value = scale * code + offset, both f32. */
export interface StageGrid {
  readonly scale: number
  readonly offset: number
  readonly maxCode: number
}

/** Step 2a. Where each value lies between the levels, in steps from the lowest; 0 for all where there is one level only. */
export function scaleToSteps(values: Float32Array, { scale, offset }: StageGrid): Float64Array {
  return Float64Array.from(values, (value) => (scale === 0 ? 0 : (value - offset) / scale))
}

/** Step 2b. To integers, by the mode that is named; a stochastic draw depends on (seed, index). */
export function truncateSteps(scaled: Float64Array, rounding: CodeRounding, seed = 0): Float64Array {
  return rounding === 'stochastic'
    ? scaled.map((value, index) => roundStochastic(value, seed, index))
    : scaled.map((value) => round(value, rounding))
}

/** Step 2c. Integers outside the code range take its ends. */
export function mapToCodes(truncated: Float64Array, maxCode: number): Uint16Array {
  return Uint16Array.from(truncated, (value) => (value < 0 ? 0 : value > maxCode ? maxCode : value))
}

/** Step 5. Codes back to values, rounded to f32 once. What `truncateSteps` dropped does not come back. */
export function valuesOfCodes(codes: Uint16Array, { scale, offset }: StageGrid): Float32Array {
  return Float32Array.from(codes, (code) => scale * code + offset)
}
