import { powerBySquareRoots } from '../../numbers/power.ts'

/** Ratios beyond this are cut: a channel of no weight, or one that the data never move, must not become infinite. */
const MOST = 64

/** Shares of the activation's size that a balance takes over; 0.5 splits it evenly. */
export const ALPHAS = [0.25, 0.375, 0.5, 0.625, 0.75, 0.875] as const

/**
 * The balance of SmoothQuant (Xiao et al. 2023): s = max|x|^alpha / max|w|^(1 - alpha) for each index of the depth, of mean square one. x is
 * divided by it, the weight multiplied. `activations`: largest magnitudes on the data; `weights`: largest over the products that read them,
 * each relative to its matrix. Null where nothing is to be balanced.
 */
export function smoothBalance(activations: Float64Array, weights: Float64Array, alpha: number): Float32Array | null {
  const raw = Float64Array.from(activations, (size, k) => {
    const weight = weights[k] as number
    return size > 0 && weight > 0 ? powerBySquareRoots(size, alpha) / powerBySquareRoots(weight, 1 - alpha) : 0
  })
  const used = raw.filter((one) => one > 0)
  if (used.length === 0) return null
  const mean = Math.sqrt(used.reduce((sum, one) => sum + one * one, 0) / used.length)
  if (!(mean > 0) || !Number.isFinite(mean)) return null
  return Float32Array.from(raw, (one) => (one > 0 ? Math.min(MOST, Math.max(1 / MOST, one / mean)) : 1))
}
