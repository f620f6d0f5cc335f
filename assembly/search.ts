// Grid search and least-squares refit of four grids at once. Twin: src/kernels/reference/search.ts.
import { GRID, MEASURED, TAIL, magic } from './memory'
import { ASYMMETRIC, SEARCH_SYMMETRIC, SIGNED_EXTREME, inverseOf, nearestScale, nearestZero, settle, settleZero } from './scale'

// Steps for the extreme's own side (8) and for the opposite side (6), coarse then fine; shrinks (8), coarse then fine.
const STEPS: usize = memory.data<f32>([-1, -0.6, -0.25, 0.125, 0.5, 0.9, 1.4, 2.25, 0, -0.4, 0.4, 0.8, 1.25, 2, -1, -0.5, -0.2, 0.25, 0.75, 1.5, 6, 14, 0, -0.4, 0.4, 0.9, 3, 9], 16)
const SHRINKS: usize = memory.data<f32>([1.035, 0.985, 0.93, 0.875, 0.82, 0.765, 0.7, 0.61, 1.004, 0.999, 0.996, 0.992, 0.985, 0.97, 0.945, 0.9], 16)

/** (l0 + l2) + (l1 + l3) in every lane. */
@inline function folded(sums: v128): v128 {
  const pairs = f32x4.add(sums, v128.shuffle<i32>(sums, sums, 2, 3, 0, 1))
  return f32x4.add(pairs, v128.shuffle<i32>(pairs, pairs, 1, 0, 3, 2))
}

/**
 * Sums of r^2, r q, q^2 over `rows` vectors `step` bytes apart, then over TAIL if `tail` is 1, into MEASURED.
 * fold = 0: four columns, one grid per lane. fold = 1: one run, lanes are its elements and are folded at the end.
 */
export function measure(p: usize, step: usize, rows: i32, tail: i32, fold: i32, scale: v128, zero: v128, maxCode: i32): void {
  const inverse = inverseOf(scale)
  const low = f32x4.neg(zero)
  const high = f32x4.sub(f32x4.splat(<f32>maxCode), zero)
  const round = magic()
  let error = f32x4.splat(0)
  let residual = f32x4.splat(0)
  let energy = f32x4.splat(0)
  for (;;) {
    for (; rows > 0; rows--, p += step) {
      const x = v128.load(p)
      const q = f32x4.sub(f32x4.add(f32x4.pmin(high, f32x4.pmax(low, f32x4.mul(x, inverse))), round), round)
      const r = f32x4.sub(x, f32x4.mul(scale, q))
      error = f32x4.add(error, f32x4.mul(r, r))
      residual = f32x4.add(residual, f32x4.mul(r, q))
      energy = f32x4.add(energy, f32x4.mul(q, q))
    }
    if (!tail) break
    tail = 0
    rows = 1
    p = TAIL
  }
  if (fold) {
    error = folded(error)
    residual = folded(residual)
    energy = folded(energy)
  }
  v128.store(MEASURED, error)
  v128.store(MEASURED, residual, 16)
  v128.store(MEASURED, energy, 32)
}

/** Finds four grids (equal ones if `fold`) and leaves them in GRID. Arguments as `measure`. */
export function search(p: usize, step: usize, rows: i32, tail: i32, fold: i32, mode: i32, maxCode: i32, halfScales: i32): void {
  let min = f32x4.splat(0)
  let max = f32x4.splat(0)
  let at = p
  for (let i = 0; i < rows; i++, at += step) {
    const x = v128.load(at)
    min = f32x4.pmin(min, x)
    max = f32x4.pmax(max, x)
  }
  if (tail) {
    const x = v128.load(TAIL)
    min = f32x4.pmin(min, x)
    max = f32x4.pmax(max, x)
  }
  if (fold) {
    min = f32x4.pmin(min, v128.shuffle<i32>(min, min, 2, 3, 0, 1))
    min = f32x4.pmin(min, v128.shuffle<i32>(min, min, 1, 0, 3, 2))
    max = f32x4.pmax(max, v128.shuffle<i32>(max, max, 2, 3, 0, 1))
    max = f32x4.pmax(max, v128.shuffle<i32>(max, max, 1, 0, 3, 2))
  }

  const fine = maxCode > 63
  const symmetric = mode == SEARCH_SYMMETRIC
  const top = <f32>maxCode
  const half = (top + 1) * 0.5
  const halves = f32x4.splat(0.5)
  const extreme = v128.bitselect(max, min, f32x4.gt(max, f32x4.neg(min)))
  const high = f32x4.mul(max, halves)
  const low = f32x4.mul(min, halves)
  const width = f32x4.div(f32x4.sub(high, low), f32x4.splat(top * 0.5))
  const middle = f32x4.add(high, low)

  const nearest = symmetric ? SIGNED_EXTREME : ASYMMETRIC
  let scale = nearestScale(min, max, nearest, maxCode, halfScales)
  let zero = nearestZero(min, scale, nearest, maxCode)
  measure(p, step, rows, tail, fold, scale, zero, maxCode)
  let bestError = v128.load(MEASURED)
  let bestScale = scale
  let bestZero = zero
  const none = f32x4.splat(Infinity)
  let refitError = none
  let refitScale = f32x4.splat(0)
  let refitZero = f32x4.splat(0)

  const steps = STEPS + (fine ? 56 : 0)
  const shrinks = SHRINKS + (fine ? 32 : 0)
  const count: usize = symmetric ? 14 : 16
  let candidate: usize = 0
  for (;;) {
    const error = v128.load(MEASURED)
    const residual = v128.load(MEASURED, 16)
    const energy = v128.load(MEASURED, 32)
    const better = f32x4.lt(error, bestError)
    bestError = v128.bitselect(error, bestError, better)
    bestScale = v128.bitselect(scale, bestScale, better)
    bestZero = v128.bitselect(zero, bestZero, better)
    const expected = f32x4.sub(error, f32x4.div(f32x4.mul(residual, residual), energy))
    const closer = f32x4.lt(expected, refitError)
    refitError = v128.bitselect(expected, refitError, closer)
    refitScale = v128.bitselect(f32x4.add(scale, f32x4.div(residual, energy)), refitScale, closer)
    refitZero = v128.bitselect(zero, refitZero, closer)

    if (candidate == count) break
    if (symmetric) {
      const stepped = f32.load(steps + (candidate << 2))
      scale = settle(f32x4.div(extreme, f32x4.splat(candidate < 8 ? -(half + stepped) : half - 1 + stepped)), halfScales)
    } else {
      scale = settle(f32x4.mul(width, v128.load32_splat(shrinks + ((candidate >> 1) << 2))), halfScales)
      const centre = f32x4.sub(f32x4.splat(top * 0.5), f32x4.mul(middle, inverseOf(scale)))
      zero = settleZero(candidate & 1 ? f32x4.add(centre, halves) : f32x4.sub(centre, halves), maxCode)
    }
    candidate++
    measure(p, step, rows, tail, fold, scale, zero, maxCode)
  }

  // A lane without any energy keeps its first grid.
  const live = f32x4.ne(refitError, none)
  for (let i = 0; i < 2; i++) {
    refitScale = settle(refitScale, halfScales)
    measure(p, step, rows, tail, fold, refitScale, refitZero, maxCode)
    const error = v128.load(MEASURED)
    const energy = v128.load(MEASURED, 32)
    const better = v128.and(live, f32x4.lt(error, bestError))
    bestError = v128.bitselect(error, bestError, better)
    bestScale = v128.bitselect(refitScale, bestScale, better)
    bestZero = v128.bitselect(refitZero, bestZero, better)
    const correction = f32x4.div(v128.load(MEASURED, 16), energy)
    refitScale = f32x4.add(refitScale, v128.and(correction, f32x4.gt(energy, f32x4.splat(0))))
  }
  v128.store(GRID, bestScale)
  v128.store(GRID, bestZero, 16)
}
