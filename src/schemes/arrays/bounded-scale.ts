/** Smallest normal f32: the inverse of anything smaller may not be finite. */
const LEAST = 1.1754943508222875e-38
const LARGEST = 3.4028234663852886e38

/** What is too small becomes 0, what is too large the largest. */
export function bounded(value: number, most: number): number {
  const magnitude = Math.abs(value)
  if (magnitude < LEAST) return 0
  if (magnitude <= most) return value
  return value < 0 ? -most : most
}

/** A scale or offset as f32, finite and with a finite inverse. */
export function roundScaleF32(scale: number): number {
  return bounded(Math.fround(scale), LARGEST)
}
