import type { ActivationGrid, ActivationType, ValueBounds } from '../../model/activation.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'

/** Least and greatest code of a type. */
export const CODES: Readonly<Record<ActivationType, { readonly min: number; readonly max: number }>> = {
  u8: { min: 0, max: 255 },
  i8: { min: -128, max: 127 },
  u16: { min: 0, max: 65535 },
  i16: { min: -32768, max: 32767 },
}

/** Below this a scale times a weight's scale is no normal float32. */
const LEAST_SCALE = 1e-12

/**
 * The grid over [min, max] and zero, inside `bounds`: 0 is a code, and where the range ends at a bound the grid does not pass it by
 * the rounding of its scale, because onnxruntime keeps a Clip or Relu that a grid exceeds by more than 1.2e-7, and the
 * convolution in front of it in float.
 */
export function gridOf(min: number, max: number, type: ActivationType, bounds: ValueBounds): ActivationGrid {
  const codes = CODES[type]
  const low = Math.min(0, Math.max(min, bounds.min))
  const high = Math.max(0, Math.min(max, bounds.max))
  const steps = codes.max - codes.min
  const width = high - low
  if (!(width > LEAST_SCALE * steps) || !Number.isFinite(width)) {
    return { scale: Math.fround(1 / steps), zero: bounds.min >= 0 ? codes.min : middle(type), type }
  }
  const zero = Math.min(codes.max, Math.max(codes.min, codes.min + roundHalfEven((-low * steps) / width)))
  return { scale: within(Math.fround(width / steps), zero, type, bounds), zero, type }
}

/** Lowers a scale by single steps of float32 until both ends of the grid, as float32, are inside the bounds. */
function within(scale: number, zero: number, type: ActivationType, bounds: ValueBounds): number {
  const codes = CODES[type]
  let least = scale
  if (codes.max > zero) least = Math.min(least, bounds.max / (codes.max - zero))
  if (codes.min < zero) least = Math.min(least, bounds.min / (codes.min - zero))
  let fitted = Math.fround(least)
  const passes = (): boolean =>
    Math.fround((codes.max - zero) * fitted) > bounds.max || Math.fround((codes.min - zero) * fitted) < bounds.min
  for (let tries = 0; tries < 4 && passes(); tries++) fitted = Math.fround(fitted * (1 - 2 ** -24))
  return fitted
}

function middle(type: ActivationType): number {
  const { min, max } = CODES[type]
  return (min + max + 1) / 2
}
