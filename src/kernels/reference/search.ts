import { FitMode } from '../../model/kernels.ts'
import { clampTo, type Grid, nearestGrid } from './nearest.ts'
import { inverseOf, roundEven, settleScale } from './scale.ts'

const { fround } = Math

/** Where candidates lie; see `candidatePlan`. */
export interface CandidatePlan {
  /** Steps beyond `half` at which the extreme value is clipped when it takes code 0. 0 is SignedExtreme. */
  readonly own: readonly number[]
  /** The same when the extreme value takes the last code. With own -1, 0 is Symmetric. */
  readonly opposite: readonly number[]
  /** Factors of the range of an asymmetric grid; each is tried with the two integer zeros around its centre. */
  readonly shrinks: readonly number[]
}

/**
 * Blocks of up to 256. The steps are those of eight that leave the least error on Gaussian and Student-t5 blocks of 32 to 256 at
 * 4 bits, by random search: less than ten evenly spread ones do. SignedExtreme alone is 12 to 30 % above.
 */
const SHORT = planOf([0, -1, -0.3, 0.5, 1.1, 2.1], [0.3, 1.35], [1.03, 0.975, 0.92, 0.86, 0.79, 0.72, 0.63])
/** Longer runs have larger extremes, and a flatter optimum. */
const LONG = planOf([0, -1, 0.7, 1.7, 3, 5], [0, 1.2, 2.4, 4], [1.02, 0.94, 0.85, 0.75, 0.65, 0.55, 0.45])
/** More than 64 codes: a step is a small part of the range. */
const FINE = planOf([0, -1, -0.5, 0.5, 2, 9], [0, 0.6, 1.4, 5], [1.002, 0.997, 0.993, 0.987, 0.975, 0.95, 0.9])

function planOf(own: number[], opposite: number[], shrinks: number[]): CandidatePlan {
  return { own: own.map(fround), opposite: opposite.map(fround), shrinks: shrinks.map(fround) }
}

/** The plan for runs of `length` values. */
export function candidatePlan(maxCode: number, length: number): CandidatePlan {
  if (maxCode > 63) return FINE
  return length > 256 ? LONG : SHORT
}

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
export function candidateGrids(
  min: number,
  max: number,
  mode: FitMode,
  plan: CandidatePlan,
  maxCode: number,
  halfScales: 0 | 1,
): Grid[] {
  const half = (maxCode + 1) / 2
  const grids: Grid[] = []
  if (mode === FitMode.SearchSymmetric) {
    const extreme = max > -min ? max : min
    const divide = (divisor: number) =>
      grids.push({ scale: settleScale(fround(extreme / divisor), halfScales), zero: half })
    for (const step of plan.own) divide(-fround(half + step))
    for (const step of plan.opposite) divide(fround(half - 1 + step))
  } else {
    grids.push(nearestGrid(min, max, mode, maxCode, halfScales))
    const span = fround(fround(max * 0.5) - fround(min * 0.5))
    const width = fround(span / (maxCode * 0.5))
    const middle = fround(fround(max * 0.5) + fround(min * 0.5))
    for (const shrink of plan.shrinks) {
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
  plan: CandidatePlan,
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
  for (const grid of candidateGrids(min, max, mode, plan, maxCode, halfScales)) {
    measureGrid(values, count, lanes, grid, maxCode, sums)
    if (isFirst || sums.error < bestError) {
      bestError = sums.error
      best.scale = grid.scale
      best.zero = grid.zero
    }
    isFirst = false
    const step = fround(sums.residual / sums.energy)
    const expected = fround(sums.error - fround(sums.residual * step))
    if (expected < refitError) {
      refitError = expected
      refit.scale = fround(grid.scale + step)
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
