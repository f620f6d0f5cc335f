import { TersorError } from '../../errors.ts'
import type { ValueRange } from '../../model/observer.ts'

/** The range of nothing: neutral when ranges are joined. */
export const NO_RANGE: ValueRange = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY }

/** Lowest and highest value. Throws E_NONFINITE with the index of the first value that is not finite. */
export function extremesOf(values: Float32Array): ValueRange {
  let { min, max } = NO_RANGE
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!
    if (!Number.isFinite(value)) throw notFinite(index, value)
    if (value < min) min = value
    if (value > max) max = value
  }
  return joinRanges({ min, max }, NO_RANGE)
}

/** Both together; a zero is +0. */
export function joinRanges(a: ValueRange, b: ValueRange): ValueRange {
  return { min: Math.min(a.min, b.min) + 0, max: Math.max(a.max, b.max) + 0 }
}

export function notFinite(index: number, value: number): TersorError {
  return new TersorError('E_NONFINITE', `activation ${index} is ${value}; expected finite numbers`, {
    hint: 'calibrate with inputs on which the float model gives finite results',
  })
}
