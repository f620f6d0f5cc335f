import { FitMode } from '../../model/kernels.ts'
import { clampTo, type Grid, nearestGrid } from './nearest.ts'
import { inverseOf, roundEven, settleScale } from './scale.ts'

const { fround } = Math

/**
 * Steps beyond `half` at which the extreme value is clipped, for its own side (code 0) and for the opposite one (the last code).
 * The own side's 0 is SignedExtreme, its -1 and the opposite side's 0 are Symmetric: a search is never worse than these.
 * Denser tables gain under 0.2 % of squared error at 2 and 4 bits (Gaussian, Laplace and t4 blocks of 32 and 128).
 */
export const OWN_STEPS: readonly number[] = [-1, -0.6, -0.25, 0.125, 0.5, 0.9, 1.4, 2.25].map(fround)
export const OPPOSITE_STEPS: readonly number[] = [0, -0.4, 0.4, 0.8, 1.25, 2].map(fround)
/** As above for more than 64 codes: long runs with outliers clip many steps. */
export const OWN_STEPS_FINE: readonly number[] = [-1, -0.5, -0.2, 0.25, 0.75, 1.5, 6, 14].map(fround)
export const OPPOSITE_STEPS_FINE: readonly number[] = [0, -0.4, 0.4, 0.9, 3, 9].map(fround)
/** Shrinks of the range for asymmetric grids, each tried with the two integer zeros around its centre. */
export const SHRINKS: readonly number[] = [1.035, 0.985, 0.93, 0.875, 0.82, 0.765, 0.7, 0.61].map(fround)
export const SHRINKS_FINE: readonly number[] = [1.004, 0.999, 0.996, 0.992, 0.985, 0.97, 0.945, 0.9].map(fround)

/** Squared error and the two sums that a least-squares step of the scale needs. */
export interface Measure {
  error: number
  residual: number
  energy: number
}

const own = { error: new Float32Array(4), residual: new Float32Array(4), energy: new Float32Array(4) }

/** Sums over `values` in f32, over `lanes` (1 or 4) interleaved partial sums. */
export function measureGrid(
  values: Float32Array,
  count: number,
  lanes: 1 | 4,
  grid: Grid,
  maxCode: number,
  out: Measure,
): void {
  const { scale, zero } = grid
  const inverse = inverseOf(scale)
  const low = -zero
  const high = maxCode - zero
  const { error, residual, energy } = own
  error.fill(0)
  residual.fill(0)
  energy.fill(0)
  const mask = lanes - 1
  for (let i = 0; i < count; i++) {
    const x = values[i]!
    const q = roundEven(clampTo(fround(x * inverse), low, high))
    const r = fround(x - fround(scale * q))
    const lane = i & mask
    error[lane] = error[lane]! + fround(r * r)
    residual[lane] = residual[lane]! + fround(r * q)
    energy[lane] = energy[lane]! + fround(q * q)
  }
  out.error = foldLanes(error, lanes)
  out.residual = foldLanes(residual, lanes)
  out.energy = foldLanes(energy, lanes)
}

function foldLanes(sums: Float32Array, lanes: 1 | 4): number {
  return lanes === 1 ? sums[0]! : fround(fround(sums[0]! + sums[2]!) + fround(sums[1]! + sums[3]!))
}

/** Candidate grids in the order in which ties are settled; the first is the closed-form one. */
export function candidateGrids(min: number, max: number, mode: FitMode, maxCode: number, halfScales: 0 | 1): Grid[] {
  const half = (maxCode + 1) / 2
  const first = nearestGrid(
    min,
    max,
    mode === FitMode.SearchAsymmetric ? FitMode.Asymmetric : FitMode.SignedExtreme,
    maxCode,
    halfScales,
  )
  const grids = [first]
  const fine = maxCode > 63
  if (mode === FitMode.SearchSymmetric) {
    const extreme = max > -min ? max : min
    const divide = (divisor: number) =>
      grids.push({ scale: settleScale(fround(extreme / divisor), halfScales), zero: half })
    for (const step of fine ? OWN_STEPS_FINE : OWN_STEPS) divide(-fround(half + step))
    for (const step of fine ? OPPOSITE_STEPS_FINE : OPPOSITE_STEPS) divide(fround(half - 1 + step))
  } else if (mode === FitMode.SearchAsymmetric) {
    const span = fround(fround(max * 0.5) - fround(min * 0.5))
    const width = fround(span / (maxCode * 0.5))
    const middle = fround(fround(max * 0.5) + fround(min * 0.5))
    for (const shrink of fine ? SHRINKS_FINE : SHRINKS) {
      const scale = settleScale(fround(width * shrink), halfScales)
      const centre = fround(maxCode * 0.5 - fround(middle * inverseOf(scale)))
      grids.push({ scale, zero: roundEven(clampTo(fround(centre - 0.5), 0, maxCode)) })
      grids.push({ scale, zero: roundEven(clampTo(fround(centre + 0.5), 0, maxCode)) })
    }
  }
  return grids
}

/**
 * Grid search, then two least-squares steps from the candidate with the least error after one.
 * Errors are sums of true residuals, measured with scales as they will be stored.
 */
export function searchGrid(
  values: Float32Array,
  count: number,
  lanes: 1 | 4,
  mode: FitMode,
  maxCode: number,
  halfScales: 0 | 1,
): Grid {
  let min = 0
  let max = 0
  for (let i = 0; i < count; i++) {
    const x = values[i]!
    if (x < min) min = x
    if (x > max) max = x
  }
  const sums: Measure = { error: 0, residual: 0, energy: 0 }
  const best: Grid = { scale: 0, zero: 0 }
  let bestError = Infinity
  const refit: Grid = { scale: 0, zero: 0 }
  let refitError = Infinity
  let isFirst = true
  for (const grid of candidateGrids(min, max, mode, maxCode, halfScales)) {
    measureGrid(values, count, lanes, grid, maxCode, sums)
    if (isFirst || sums.error < bestError) {
      bestError = sums.error
      best.scale = grid.scale
      best.zero = grid.zero
    }
    isFirst = false
    const expected = fround(sums.error - fround(fround(sums.residual * sums.residual) / sums.energy))
    if (expected < refitError) {
      refitError = expected
      refit.scale = fround(grid.scale + fround(sums.residual / sums.energy))
      refit.zero = grid.zero
    }
  }
  if (refitError === Infinity) return best
  for (let step = 0; step < 2; step++) {
    refit.scale = settleScale(refit.scale, halfScales)
    measureGrid(values, count, lanes, refit, maxCode, sums)
    if (sums.error < bestError) {
      bestError = sums.error
      best.scale = refit.scale
      best.zero = refit.zero
    }
    if (sums.energy > 0) refit.scale = fround(refit.scale + fround(sums.residual / sums.energy))
  }
  return best
}
