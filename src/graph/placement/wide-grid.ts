import type { ActivationGrid, ValueBounds } from '../../model/activation.ts'

/** Both halves of a code have 256 values; the lower one stands around this. */
const HALF = 256
const MIDDLE = 128
const LEAST_WIDTH = 1e-30

/**
 * The grid of 2^16 - 1 steps over [min, max] and zero, as two codes of 8 bits hold it: `code = 256 high + low`, and the zero is
 * `256 zero(high) + 128`. A zero on such a place costs at most half of one step in 256 of the range.
 */
export function wideGridOf(min: number, max: number, bounds: ValueBounds): ActivationGrid {
  const low = Math.min(0, Math.max(min, bounds.min))
  const high = Math.max(0, Math.min(max, bounds.max))
  const width = high - low
  if (!(width > LEAST_WIDTH) || !Number.isFinite(width)) {
    return { scale: Math.fround(1 / (HALF * HALF - 1)), zero: HALF * MIDDLE + MIDDLE, type: 'u16' }
  }
  const scaleAt = (zero: number): number =>
    Math.max(-low / (HALF * zero + MIDDLE), high / (HALF * (HALF - 1 - zero) + MIDDLE - 1))
  let best = 0
  for (let zero = 1; zero < HALF; zero++) if (scaleAt(zero) < scaleAt(best)) best = zero
  return { scale: Math.fround(scaleAt(best)), zero: HALF * best + MIDDLE, type: 'u16' }
}

/** Zeros and scales of the two codes. */
export function halvesOf({ scale, zero }: ActivationGrid): {
  readonly high: { readonly scale: number; readonly zero: number }
  readonly low: { readonly scale: number; readonly zero: number }
} {
  return { high: { scale: HALF * scale, zero: Math.floor(zero / HALF) }, low: { scale, zero: MIDDLE } }
}
