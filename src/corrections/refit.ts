import { TersorError } from '../errors.ts'
import { type Encoded, encodeNearest } from './feedback.ts'
import { type Grid, gridQuantizer } from './quantizer.ts'

/**
 * Scale and offset with the least (weighted) squared error for codes that are given: the regression line of values on codes.
 * Both come back as f32, and the result is never worse than `grid`: where all codes are equal, or rounding to f32 would
 * lose more than the fit wins, `grid` itself comes back.
 */
export function refitGrid(values: Float32Array, codes: Uint16Array, grid: Grid, importance?: Float32Array): Grid {
  checkLengths(values, codes)
  let [weights, sumCodes, sumValues] = [0, 0, 0]
  for (let i = 0; i < values.length; i += 1) {
    const weight = importance === undefined ? 1 : (importance[i] as number)
    weights += weight
    sumCodes += weight * (codes[i] as number)
    sumValues += weight * (values[i] as number)
  }
  if (weights === 0) return grid
  const meanCode = sumCodes / weights
  const meanValue = sumValues / weights
  let [spread, shared] = [0, 0]
  for (let i = 0; i < values.length; i += 1) {
    const weight = importance === undefined ? 1 : (importance[i] as number)
    const away = (codes[i] as number) - meanCode
    spread += weight * away * away
    shared += weight * away * ((values[i] as number) - meanValue)
  }
  if (spread === 0) return grid
  const scale = Math.fround(shared / spread)
  const fitted = { scale, offset: Math.fround(meanValue - scale * meanCode), maxCode: grid.maxCode }
  if (!(scale > 0)) return grid
  return squaredError(values, codes, fitted, importance) < squaredError(values, codes, grid, importance) ? fitted : grid
}

/** Scale with the least squared error where zero stays the code it is: value = scale * (code - zero). 0 if no code differs. */
export function refitScale(values: Float32Array, codes: Uint16Array, zero: number, importance?: Float32Array): number {
  checkLengths(values, codes)
  let [spread, shared] = [0, 0]
  for (let i = 0; i < values.length; i += 1) {
    const weight = importance === undefined ? 1 : (importance[i] as number)
    const level = (codes[i] as number) - zero
    spread += weight * level * level
    shared += weight * level * (values[i] as number)
  }
  return spread === 0 ? 0 : Math.fround(shared / spread)
}

export interface Refitted extends Encoded {
  readonly grid: Grid
  readonly rounds: number
}

/**
 * New codes for the fitted grid, a new grid for the codes, until neither changes: each step lowers the squared error or ends.
 * Source: Lloyd 1982, "Least squares quantization in PCM", on a grid of two parameters.
 */
export function refitAndRecode(values: Float32Array, grid: Grid, rounds = 16): Refitted {
  let best = { ...encodeNearest(values, gridQuantizer(grid)), grid, rounds: 0 }
  let bestError = squaredError(values, best.codes, grid)
  for (let round = 1; round <= rounds; round += 1) {
    const fitted = refitGrid(values, best.codes, best.grid)
    const encoded = encodeNearest(values, gridQuantizer(fitted))
    const error = squaredError(values, encoded.codes, fitted)
    if (!(error < bestError)) return best
    best = { ...encoded, grid: fitted, rounds: round }
    bestError = error
  }
  return best
}

/** Of decoding as f32, as a decoder does. */
export function squaredError(
  values: Float32Array,
  codes: Uint16Array,
  { scale, offset }: Grid,
  importance?: Float32Array,
): number {
  let sum = 0
  for (let i = 0; i < values.length; i += 1) {
    const error = (values[i] as number) - Math.fround(scale * (codes[i] as number) + offset)
    sum += (importance === undefined ? 1 : (importance[i] as number)) * error * error
  }
  return sum
}

function checkLengths(values: Float32Array, codes: Uint16Array): void {
  if (values.length !== codes.length) {
    throw new TersorError('E_USAGE', `expected a code a value, ${values.length}, found ${codes.length}`)
  }
}
