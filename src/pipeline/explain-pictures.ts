import type { CodeRounding } from '../model/array-scheme.ts'
import type { Explanation, Histogram } from '../model/explanation.ts'
import { mapToCodes, type StageGrid, scaleToSteps, truncateSteps, valuesOfCodes } from './explain-stages.ts'

const BINS = 60
const ERROR_BINS = 41
/** Steps that the staircase shows, and points on each. */
const STAIRS = 12
const PER_STEP = 24

/** Counts of values in equal bins; those outside are left out. */
export function histogram(values: Float32Array, low: number, high: number, bins: number, only?: Uint8Array): Histogram {
  const width = high > low ? (high - low) / bins : 1
  const counts = new Array<number>(bins).fill(0)
  for (let i = 0; i < values.length; i += 1) {
    if (only !== undefined && only[i] !== 1) continue
    const value = values[i] as number
    if (!(value >= low && value <= high)) continue
    const bin = Math.min(bins - 1, Math.floor((value - low) / width))
    counts[bin] = (counts[bin] as number) + 1
  }
  return { low, width, counts }
}

export const valueHistogram = (values: Float32Array, low: number, high: number): Histogram =>
  histogram(values, low, high, BINS)

/** The quantizer around the middle of its range: value in, decoded value out, by the functions that are explained. */
export function stairsOf(grid: StageGrid, rounding: CodeRounding, seed: number): Explanation['pictures']['stairs'] {
  const shown = Math.min(STAIRS, grid.maxCode + 1)
  const middle = grid.offset + grid.scale * Math.floor(grid.maxCode / 2)
  const start = grid.maxCode < STAIRS ? grid.offset - grid.scale / 2 : middle - (grid.scale * shown) / 2
  const value = Float32Array.from(
    { length: shown * PER_STEP + 1 },
    (_, i) => start + (grid.scale * (i + 0.25)) / PER_STEP,
  )
  const codes = mapToCodes(truncateSteps(scaleToSteps(value, grid), rounding, seed), grid.maxCode)
  return { value: [...value], decoded: [...valuesOfCodes(codes, grid)] }
}

/** Errors on bins that reach one and a half steps to both sides. */
export function errorHistogram(
  values: Float32Array,
  decoded: Float32Array,
  step: number,
  only?: Uint8Array,
): Histogram {
  const errors = values.map((value, i) => value - (decoded[i] as number))
  const reach = step > 0 ? 1.5 * step : 1
  return histogram(errors, -reach, reach, ERROR_BINS, only)
}

/** Sum of errors up to each value. */
export function runningError(values: Float32Array, decoded: Float32Array, most: number): number[] {
  const sums: number[] = []
  let sum = 0
  for (let i = 0; i < Math.min(most, values.length); i += 1) {
    sum += (values[i] as number) - (decoded[i] as number)
    sums.push(sum)
  }
  return sums
}
