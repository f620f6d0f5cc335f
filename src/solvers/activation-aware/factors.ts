import { powerBySquareRoots } from '../../numbers/power.ts'

/** Smallest factor before they are brought around 1. */
const LEAST = 1e-4

/** Exponents that are tried: 0 is the model as it is. */
export const ALPHAS: readonly number[] = Array.from({ length: 20 }, (_, i) => i / 20)

/**
 * What channels of a weight are multiplied by (AWQ, Lin et al. 2023): mean |x|^alpha, at least 1e-4, divided by the root of the largest times
 * the least. Channels that are large in the input get finer steps for their weights. Rounded to f32; null where they would not be finite.
 */
export function channelFactors(means: Float64Array, alpha: number): Float64Array | null {
  const raw = means.map((mean) => Math.max(LEAST, mean > 0 ? powerBySquareRoots(mean, alpha) : 0))
  let [least, most] = [Number.POSITIVE_INFINITY, 0]
  for (const one of raw) {
    if (one < least) least = one
    if (one > most) most = one
  }
  const middle = Math.sqrt(least * most)
  const factors = raw.map((one) => Math.fround(one / middle))
  return factors.every((one) => one > 0 && Number.isFinite(one)) ? factors : null
}
