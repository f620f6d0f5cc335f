// Scales of four grids, one per lane. Twin: src/kernels/reference/scale.ts, nearest.ts.
import { magic } from './memory'

export const SYMMETRIC: i32 = 0
export const SIGNED_EXTREME: i32 = 1
export const ASYMMETRIC: i32 = 2
export const SEARCH_SYMMETRIC: i32 = 3
export const SEARCH_ASYMMETRIC: i32 = 4

/** The f32 that f16 holds, half to even; beyond the range, and for NaN, the largest f16. */
function roundHalf(value: v128): v128 {
  const a = f32x4.abs(value)
  const half = f32x4.splat(0.5)
  const tiny = f32x4.sub(f32x4.add(a, half), half)
  const odd = v128.and(i32x4.shr_u(a, 13), i32x4.splat(1))
  const kept = v128.and(i32x4.add(i32x4.add(a, i32x4.splat(0xfff)), odd), i32x4.splat(0xffffe000))
  const rounded = v128.bitselect(tiny, f32x4.pmin(f32x4.splat(65504), kept), f32x4.lt(a, f32x4.splat(6.103515625e-5)))
  return v128.or(rounded, v128.and(f32x4.lt(value, f32x4.splat(0)), i32x4.splat(0x80000000)))
}

/** Scales as the file will hold them; below the smallest normal f32 they become 0. */
export function settle(scale: v128, halfScales: i32): v128 {
  if (halfScales) scale = roundHalf(scale)
  return v128.andnot(scale, f32x4.lt(f32x4.abs(scale), f32x4.splat(1.1754943508222875e-38)))
}

@inline export function inverseOf(scale: v128): v128 {
  return v128.and(f32x4.div(f32x4.splat(1), scale), f32x4.ne(scale, f32x4.splat(0)))
}

/** Integer zeros: value clamped to 0 .. maxCode and rounded half to even. */
@inline export function settleZero(value: v128, maxCode: i32): v128 {
  const clamped = f32x4.pmin(f32x4.splat(<f32>maxCode), f32x4.pmax(f32x4.splat(0), value))
  return f32x4.sub(f32x4.add(clamped, magic()), magic())
}

/** The closed-form scale of ranges with min <= 0 <= max. */
export function nearestScale(min: v128, max: v128, mode: i32, maxCode: i32, halfScales: i32): v128 {
  const top = <f32>maxCode
  const half = (top + 1) * 0.5
  const opposite = f32x4.neg(min)
  if (mode == ASYMMETRIC) {
    const halves = f32x4.splat(0.5)
    const span = f32x4.sub(f32x4.mul(max, halves), f32x4.mul(min, halves))
    return settle(f32x4.div(span, f32x4.splat(top * 0.5)), halfScales)
  }
  if (mode == SYMMETRIC) return settle(f32x4.div(f32x4.pmax(opposite, max), f32x4.splat(half - 1)), halfScales)
  const extreme = v128.bitselect(max, min, f32x4.gt(max, opposite))
  return settle(f32x4.div(extreme, f32x4.splat(-half)), halfScales)
}

export function nearestZero(min: v128, scale: v128, mode: i32, maxCode: i32): v128 {
  const half = f32x4.splat((<f32>maxCode + 1) * 0.5)
  if (mode != ASYMMETRIC) return half
  const zero = settleZero(f32x4.mul(f32x4.neg(min), inverseOf(scale)), maxCode)
  return v128.bitselect(half, zero, f32x4.eq(scale, f32x4.splat(0)))
}
