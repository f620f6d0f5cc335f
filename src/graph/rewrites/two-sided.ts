/**
 * A second scale for stored weights, one per index of the depth beside the one per channel: value = scale[n] * code * factor[k]. Rows
 * of weights that are larger or smaller than others then use all of their codes. The factor is the row's root mean square,
 * the first step of what SINQ (Müller et al. 2025) iterates. Where weights are expanded to floats when a session is made, it costs
 * two bytes an index and no time.
 */

/** Noise that must remain at most, as a share of the noise without factors. */
const WORTH = 0.97

/** Ratios beyond this are cut, so that a row of zeros stays finite. */
const MOST = 64

/** Root mean square of the values at each index of the depth, relative to that of the matrix; null when all are zero. */
export function rowFactors(energy: Float64Array): Float64Array | null {
  const mean = energy.reduce((sum, one) => sum + one, 0) / energy.length
  if (!(mean > 0) || !Number.isFinite(mean)) return null
  return energy.map((one) => Math.min(MOST, Math.max(1 / MOST, Math.sqrt(one / mean))))
}

/**
 * Whether factors pay. `plain` and `divided` are the largest magnitudes of each channel, without and with the rows divided
 * by their factors. Noise in a row counts more where weights are small: there the activations are large that those
 * weights must hold down.
 */
export function factorsPay(factors: Float64Array, plain: Float64Array, divided: Float64Array): boolean {
  const squares = (values: Float64Array): number => values.reduce((sum, value) => sum + value * value, 0)
  const weight = factors.reduce((sum, factor) => sum + 1 / (factor * factor), 0)
  return squares(divided) * factors.length <= WORTH * squares(plain) * weight
}
