// Grid search and least-squares refit of four grids at once. Twin: src/kernels/reference/search.ts.
import { CHOICE, GRID, MEASURED, TAIL, magic, pin } from './memory'
import { ASYMMETRIC, SEARCH_SYMMETRIC, inverseOf, nearestScale, nearestZero, settle, settleZero } from './scale'

// Three plans (short, long, fine): 6 steps for the extreme's own side, 4 (short: 2) for the opposite one; 7 shrinks.
const STEPS: usize = memory.data<f32>([0, -1, -0.3, 0.5, 1.1, 2.1, 0.3, 1.35, 0, 0, 0, -1, 0.7, 1.7, 3, 5, 0, 1.2, 2.4, 4, 0, -1, -0.5, 0.5, 2, 9, 0, 0.6, 1.4, 5], 16)
const SHRINKS: usize = memory.data<f32>([1.03, 0.975, 0.92, 0.86, 0.79, 0.72, 0.63, 1.02, 0.94, 0.85, 0.75, 0.65, 0.55, 0.45, 1.002, 0.997, 0.993, 0.987, 0.975, 0.95, 0.9], 16)

/** The plan for runs of `length` values. */
@inline export function planFor(maxCode: i32, length: i32): usize {
  return maxCode > 63 ? 2 : length > 256 ? 1 : 0
}

/** (l0 + l2) + (l1 + l3) in every lane. */
@inline function folded(sums: v128): v128 {
  const pairs = f32x4.add(sums, v128.shuffle<i32>(sums, sums, 2, 3, 0, 1))
  return f32x4.add(pairs, v128.shuffle<i32>(pairs, pairs, 1, 0, 3, 2))
}

@inline function storeSums(to: usize, fold: i32, error: v128, residual: v128, energy: v128): void {
  v128.store(to, fold ? folded(error) : error)
  v128.store(to, fold ? folded(residual) : residual, 16)
  v128.store(to, fold ? folded(energy) : energy, 32)
}

/**
 * Sums of r^2, r q, q^2 over `rows` consecutive vectors, then over TAIL if `tail` is 1, into MEASURED.
 * fold = 0: four columns, one grid per lane. fold = 1: one run, lanes are its elements and are folded at the end.
 */
export function measure(p: usize, rows: i32, tail: i32, fold: i32, scale: v128, zero: v128, maxCode: i32): void {
  const inverse = pin(inverseOf(scale), 0)
  const low = pin(f32x4.neg(zero), 1)
  const high = pin(f32x4.sub(f32x4.splat(<f32>maxCode), zero), 2)
  const round = magic()
  let error = f32x4.splat(0)
  let residual = error
  let energy = error
  for (;;) {
    for (; rows > 0; rows--, p += 16) {
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
  storeSums(MEASURED, fold, error, residual, energy)
}

/** Two grids in one pass; they have equal scales (`oneScale`) or equal zeros. */
@inline function measurePairAs(oneScale: bool, p: usize, rows: i32, tail: i32, fold: i32, scaleA: v128, zeroA: v128, scaleB: v128, zeroB: v128, maxCode: i32): void {
  const top = f32x4.splat(<f32>maxCode)
  const inverseA = pin(inverseOf(scaleA), 0)
  const lowA = pin(f32x4.neg(zeroA), 1)
  const highA = pin(f32x4.sub(top, zeroA), 2)
  const inverseB = oneScale ? inverseA : pin(inverseOf(scaleB), 3)
  const lowB = oneScale ? pin(f32x4.neg(zeroB), 3) : lowA
  const highB = oneScale ? pin(f32x4.sub(top, zeroB), 4) : highA
  const multiplierB = oneScale ? scaleA : scaleB
  const round = magic()
  let errorA = f32x4.splat(0)
  let residualA = errorA
  let energyA = errorA
  let errorB = errorA
  let residualB = errorA
  let energyB = errorA
  for (;;) {
    for (; rows > 0; rows--, p += 16) {
      const x = v128.load(p)
      const yA = f32x4.mul(x, inverseA)
      const yB = oneScale ? yA : f32x4.mul(x, inverseB)
      const qA = f32x4.sub(f32x4.add(f32x4.pmin(highA, f32x4.pmax(lowA, yA)), round), round)
      const rA = f32x4.sub(x, f32x4.mul(scaleA, qA))
      errorA = f32x4.add(errorA, f32x4.mul(rA, rA))
      residualA = f32x4.add(residualA, f32x4.mul(rA, qA))
      energyA = f32x4.add(energyA, f32x4.mul(qA, qA))
      const qB = f32x4.sub(f32x4.add(f32x4.pmin(highB, f32x4.pmax(lowB, yB)), round), round)
      const rB = f32x4.sub(x, f32x4.mul(multiplierB, qB))
      errorB = f32x4.add(errorB, f32x4.mul(rB, rB))
      residualB = f32x4.add(residualB, f32x4.mul(rB, qB))
      energyB = f32x4.add(energyB, f32x4.mul(qB, qB))
    }
    if (!tail) break
    tail = 0
    rows = 1
    p = TAIL
  }
  storeSums(MEASURED, fold, errorA, residualA, energyA)
  storeSums(MEASURED + 48, fold, errorB, residualB, energyB)
}

function measureScales(p: usize, rows: i32, tail: i32, fold: i32, scaleA: v128, scaleB: v128, zero: v128, maxCode: i32): void {
  measurePairAs(false, p, rows, tail, fold, scaleA, zero, scaleB, zero, maxCode)
}

function measureZeros(p: usize, rows: i32, tail: i32, fold: i32, scale: v128, zeroA: v128, zeroB: v128, maxCode: i32): void {
  measurePairAs(true, p, rows, tail, fold, scale, zeroA, scale, zeroB, maxCode)
}

// The best grid so far, and the one expected to be best after its least-squares step: error, scale, zero each.
const BEST: usize = CHOICE
const REFIT: usize = CHOICE + 48

/** Compares the grid whose sums are at `sums` with both. Ties keep the earlier one; NaN is never better. */
@inline function consider(sums: usize, scale: v128, zero: v128): void {
  const error = v128.load(sums)
  const residual = v128.load(sums, 16)
  const energy = v128.load(sums, 32)
  const bestError = v128.load(BEST)
  const better = f32x4.lt(error, bestError)
  v128.store(BEST, v128.bitselect(error, bestError, better))
  v128.store(BEST, v128.bitselect(scale, v128.load(BEST, 16), better), 16)
  v128.store(BEST, v128.bitselect(zero, v128.load(BEST, 32), better), 32)
  const step = f32x4.div(residual, energy)
  const expected = f32x4.sub(error, f32x4.mul(residual, step))
  const refitError = v128.load(REFIT)
  const closer = f32x4.lt(expected, refitError)
  v128.store(REFIT, v128.bitselect(expected, refitError, closer))
  v128.store(REFIT, v128.bitselect(f32x4.add(scale, step), v128.load(REFIT, 16), closer), 16)
  v128.store(REFIT, v128.bitselect(zero, v128.load(REFIT, 32), closer), 32)
}

/** Finds four grids (equal ones if `fold`) and leaves them in GRID. Arguments as `measure`. */
export function search(p: usize, rows: i32, tail: i32, fold: i32, mode: i32, plan: usize, maxCode: i32, halfScales: i32): void {
  let min = f32x4.splat(0)
  let max = min
  for (let i = 0, at = p; i < rows; i++, at += 16) {
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
  const none = f32x4.splat(Infinity)
  const nothing = f32x4.splat(0)
  v128.store(REFIT, none)
  v128.store(REFIT, nothing, 16)
  v128.store(REFIT, nothing, 32)
  if (mode == SEARCH_SYMMETRIC) searchScales(p, rows, tail, fold, min, max, plan, maxCode, halfScales)
  else searchZeros(p, rows, tail, fold, min, max, plan, maxCode, halfScales)

  // A lane without any energy keeps its first grid.
  const live = f32x4.ne(v128.load(REFIT), none)
  const zero = v128.load(REFIT, 32)
  let scale = v128.load(REFIT, 16)
  for (let i = 0; i < 2; i++) {
    scale = settle(scale, halfScales)
    measure(p, rows, tail, fold, scale, zero, maxCode)
    const error = v128.load(MEASURED)
    const energy = v128.load(MEASURED, 32)
    const bestError = v128.load(BEST)
    const better = v128.and(live, f32x4.lt(error, bestError))
    v128.store(BEST, v128.bitselect(error, bestError, better))
    v128.store(BEST, v128.bitselect(scale, v128.load(BEST, 16), better), 16)
    v128.store(BEST, v128.bitselect(zero, v128.load(BEST, 32), better), 32)
    const step = f32x4.div(v128.load(MEASURED, 16), energy)
    scale = f32x4.add(scale, v128.and(step, f32x4.gt(energy, nothing)))
  }
  v128.store(GRID, v128.load(BEST, 16))
  v128.store(GRID, v128.load(BEST, 32), 16)
}

/** The first grid is the best one until another is better, whatever its error. */
@inline function startFrom(sums: usize, scale: v128, zero: v128): void {
  v128.store(BEST, v128.load(sums))
  v128.store(BEST, scale, 16)
  v128.store(BEST, zero, 32)
  consider(sums, scale, zero)
}

function searchScales(p: usize, rows: i32, tail: i32, fold: i32, min: v128, max: v128, plan: usize, maxCode: i32, halfScales: i32): void {
  const half = (<f32>maxCode + 1) * 0.5
  const zero = f32x4.splat(half)
  const extreme = v128.bitselect(max, min, f32x4.gt(max, f32x4.neg(min)))
  let steps = STEPS + plan * 40
  const pairs = plan ? 5 : 4
  for (let pair = 0; pair < pairs; pair++, steps += 8) {
    const step = f32.load(steps)
    const step2 = f32.load(steps, 4)
    const a = settle(f32x4.div(extreme, f32x4.splat(pair < 3 ? -(half + step) : half - 1 + step)), halfScales)
    const b = settle(f32x4.div(extreme, f32x4.splat(pair < 3 ? -(half + step2) : half - 1 + step2)), halfScales)
    measureScales(p, rows, tail, fold, a, b, zero, maxCode)
    if (pair == 0) startFrom(MEASURED, a, zero)
    else consider(MEASURED, a, zero)
    consider(MEASURED + 48, b, zero)
  }
}

function searchZeros(p: usize, rows: i32, tail: i32, fold: i32, min: v128, max: v128, plan: usize, maxCode: i32, halfScales: i32): void {
  const nearest = nearestScale(min, max, ASYMMETRIC, maxCode, halfScales)
  const nearestAt = nearestZero(min, nearest, ASYMMETRIC, maxCode)
  measure(p, rows, tail, fold, nearest, nearestAt, maxCode)
  startFrom(MEASURED, nearest, nearestAt)
  const top = <f32>maxCode
  const halves = f32x4.splat(0.5)
  const high = f32x4.mul(max, halves)
  const low = f32x4.mul(min, halves)
  const width = f32x4.div(f32x4.sub(high, low), f32x4.splat(top * 0.5))
  const middle = f32x4.add(high, low)
  let shrinks = SHRINKS + plan * 28
  for (let pair = 0; pair < 7; pair++, shrinks += 4) {
    const scale = settle(f32x4.mul(width, v128.load32_splat(shrinks)), halfScales)
    const centre = f32x4.sub(f32x4.splat(top * 0.5), f32x4.mul(middle, inverseOf(scale)))
    const a = settleZero(f32x4.sub(centre, halves), maxCode)
    const b = settleZero(f32x4.add(centre, halves), maxCode)
    measureZeros(p, rows, tail, fold, scale, a, b, maxCode)
    consider(MEASURED, scale, a)
    consider(MEASURED + 48, scale, b)
  }
}
