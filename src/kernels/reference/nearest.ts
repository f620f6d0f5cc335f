import { FitMode } from '../../model/kernels.ts'
import { inverseOf, roundEven, settleScale } from './scale.ts'

const { fround } = Math

export interface Grid {
  scale: number
  zero: number
}

/** A NaN becomes `low`, as it does in the SIMD kernels. */
export function clampTo(value: number, low: number, high: number): number {
  if (!(value > low)) return low
  return Math.min(value, high)
}

/** The closed-form grid of a range with min <= 0 <= max. The search modes start from theirs. */
export function nearestGrid(min: number, max: number, mode: FitMode, maxCode: number, halfScales: 0 | 1): Grid {
  const half = (maxCode + 1) / 2
  if (mode === FitMode.Asymmetric || mode === FitMode.SearchAsymmetric) {
    // Halves first: the difference of the ends can leave the range of f32.
    const span = fround(fround(max * 0.5) - fround(min * 0.5))
    const scale = settleScale(fround(span / (maxCode * 0.5)), halfScales)
    if (scale === 0) return { scale, zero: half }
    return { scale, zero: roundEven(clampTo(fround(-min * inverseOf(scale)), 0, maxCode)) }
  }
  if (mode === FitMode.Symmetric) {
    const extreme = Math.max(max, -min)
    return { scale: settleScale(fround(extreme / (half - 1)), halfScales), zero: half }
  }
  const extreme = max > -min ? max : min
  return { scale: settleScale(fround(extreme / -half), halfScales), zero: half }
}
