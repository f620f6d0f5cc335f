import { TersorError } from '../../errors.ts'

/** Throws E_NONFINITE with the index of the first value that is NaN or infinite. */
export function requireFinite(values: Float32Array, what = 'value'): void {
  for (let index = 0; index < values.length; index++) {
    if (!Number.isFinite(values[index]!)) {
      throw new TersorError('E_NONFINITE', `${what} ${index} is ${values[index]}; expected finite numbers`)
    }
  }
}

/** Throws E_USAGE unless both ends are finite and in order. */
export function requireRange(min: number, max: number): void {
  if (!(Number.isFinite(min) && Number.isFinite(max) && min <= max)) {
    throw new TersorError('E_USAGE', `expected a finite range with min <= max, found ${min} to ${max}`)
  }
}
