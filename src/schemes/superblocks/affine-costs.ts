/** What it costs to round the fits of runs to multiples of super scales, by the quadratic form of each run's error. */

import type { AffineFit } from './affine-run.ts'

/** The code nearest to value / unit, 0 .. most. */
export function nearestMultiple(value: number, unit: number, most: number): number {
  if (unit === 0) return 0
  const code = Math.floor(value / unit + 0.5)
  return code < 0 ? 0 : code > most ? most : code
}

/** The best minimum of a run whose scale is given, at the codes of its own fit. */
export function minimumFor(fit: AffineFit, s: number): number {
  return fit.sumW === 0 ? fit.m : (s * fit.sumQ - fit.sumX) / fit.sumW
}

/** What rounding the scales of all runs to multiples of d costs, minimums following freely. */
export function scaleCost(fits: readonly AffineFit[], runs: number, d: number, most: number): number {
  let cost = 0
  for (let j = 0; j < runs; j++) {
    const { s, sumW, sumQ, sumQQ } = fits[j]!
    const off = s - d * nearestMultiple(s, d, most)
    if (sumW > 0) cost += off * off * (sumQQ - (sumQ * sumQ) / sumW)
  }
  return cost
}

/** What rounding the minimums of all runs to multiples of dmin costs when the scales are multiples of d. */
export function minimumCost(fits: readonly AffineFit[], runs: number, d: number, dmin: number, most: number): number {
  let cost = 0
  for (let j = 0; j < runs; j++) {
    const fit = fits[j]!
    const m = minimumFor(fit, d * nearestMultiple(fit.s, d, most))
    const off = m - dmin * nearestMultiple(m, dmin, most)
    cost += off * off * fit.sumW
  }
  return cost
}
