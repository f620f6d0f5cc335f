// Shares of rows and arithmetic of runs, for models that are run to learn from. Twin: src/kernels/reference/softmax.ts.
import { pin } from './memory'

/** log2(e); coefficients of 2^r for |r| <= 1/2; 1.5 * 2^23; what e to the power of is 0. */
const CONSTANTS: usize = memory.data<f32>([1.44269502, 0.00133335581, 0.00961812911, 0.0555041087, 0.240226507, 0.693147182, 1, 12582912, -87], 16)

@inline function constant(index: usize): v128 { return v128.load32_splat(CONSTANTS + (index << 2)) }
@inline function single(index: usize): f32 { return f32.load(CONSTANTS + (index << 2)) }

/** e^x for x <= 0; 0 below -87. */
@inline function exponentials(x: v128): v128 {
  const t = f32x4.mul(x, constant(0))
  const shifted = f32x4.add(t, constant(7))
  const r = f32x4.sub(t, f32x4.sub(shifted, constant(7)))
  let p = constant(1)
  p = f32x4.add(f32x4.mul(p, r), constant(2))
  p = f32x4.add(f32x4.mul(p, r), constant(3))
  p = f32x4.add(f32x4.mul(p, r), constant(4))
  p = f32x4.add(f32x4.mul(p, r), constant(5))
  p = f32x4.add(f32x4.mul(p, r), constant(6))
  return v128.and(i32x4.add(p, i32x4.shl(shifted, 23)), f32x4.ge(x, constant(8)))
}

function exponential(x: f32): f32 {
  if (!(x >= single(8))) return 0
  const t = x * single(0)
  const shifted = t + single(7)
  const r = t - (shifted - single(7))
  let p = single(1)
  for (let i: usize = 2; i <= 6; i++) p = p * r + single(i)
  return reinterpret<f32>(reinterpret<i32>(p) + (reinterpret<i32>(shifted) << 23))
}

/** Sums of four lanes, then what is behind them: lane i of a sum is that of elements i, i + 4, ... */
@inline function total(lanes: v128): f32 {
  return (f32x4.extract_lane(lanes, 0) + f32x4.extract_lane(lanes, 1)) + (f32x4.extract_lane(lanes, 2) + f32x4.extract_lane(lanes, 3))
}

export function softmaxRows(src: usize, rows: i32, columns: i32, out: usize): void {
  const bytes = <usize>columns << 2
  const even = bytes & ~15
  for (; rows > 0; rows--, src += bytes, out += bytes) {
    let most = f32x4.splat(-Infinity)
    for (let i: usize = 0; i < even; i += 16) most = f32x4.max(most, v128.load(src + i))
    let largest = max(max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)), max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)))
    for (let i = even; i < bytes; i += 4) largest = max(largest, f32.load(src + i))
    const top = pin(f32x4.splat(largest), 0)
    let sums = f32x4.splat(0)
    for (let i: usize = 0; i < even; i += 16) {
      const e = exponentials(f32x4.sub(v128.load(src + i), top))
      sums = f32x4.add(sums, e)
      v128.store(out + i, e)
    }
    let sum = total(sums)
    for (let i = even; i < bytes; i += 4) {
      const e = exponential(f32.load(src + i) - largest)
      sum += e
      f32.store(out + i, e)
    }
    const factor: f32 = 1 / sum
    const factors = pin(f32x4.splat(factor), 1)
    for (let i: usize = 0; i < even; i += 16) v128.store(out + i, f32x4.mul(v128.load(out + i), factors))
    for (let i = even; i < bytes; i += 4) f32.store(out + i, f32.load(out + i) * factor)
  }
}

export function softmaxGradRows(shares: usize, grad: usize, rows: i32, columns: i32, to: usize): void {
  const bytes = <usize>columns << 2
  const even = bytes & ~15
  for (; rows > 0; rows--, shares += bytes, grad += bytes, to += bytes) {
    let sums = f32x4.splat(0)
    for (let i: usize = 0; i < even; i += 16) sums = f32x4.add(sums, f32x4.mul(v128.load(shares + i), v128.load(grad + i)))
    let sum = total(sums)
    for (let i = even; i < bytes; i += 4) sum += f32.load(shares + i) * f32.load(grad + i)
    const mean = pin(f32x4.splat(sum), 0)
    for (let i: usize = 0; i < even; i += 16) {
      const change = f32x4.mul(v128.load(shares + i), f32x4.sub(v128.load(grad + i), mean))
      v128.store(to + i, f32x4.add(v128.load(to + i), change))
    }
    for (let i = even; i < bytes; i += 4) f32.store(to + i, f32.load(to + i) + f32.load(shares + i) * (f32.load(grad + i) - sum))
  }
}

@inline function lanes(at: usize, step: usize, i: usize): v128 { return step == 0 ? v128.load32_splat(at) : v128.load(at + i) }
@inline function lane(at: usize, step: usize, i: usize): f32 { return step == 0 ? f32.load(at) : f32.load(at + i) }
@inline function joined(kind: i32, x: v128, y: v128): v128 { return kind == 0 ? f32x4.add(x, y) : kind == 1 ? f32x4.sub(x, y) : f32x4.mul(x, y) }

/** Inlined with constants, so that each loop does one thing. */
@inline function combineRun(kind: i32, a: usize, aStep: usize, b: usize, bStep: usize, bytes: usize, out: usize, add: i32): void {
  const even = bytes & ~15
  for (let i: usize = 0; i < even; i += 16) {
    const z = joined(kind, lanes(a, aStep, i), lanes(b, bStep, i))
    v128.store(out + i, add ? f32x4.add(v128.load(out + i), z) : z)
  }
  for (let i = even; i < bytes; i += 4) {
    const x = lane(a, aStep, i)
    const y = lane(b, bStep, i)
    const z = kind == 0 ? x + y : kind == 1 ? x - y : x * y
    f32.store(out + i, add ? f32.load(out + i) + z : z)
  }
}

@inline function combineStepped(kind: i32, a: usize, aStep: usize, b: usize, bStep: usize, bytes: usize, out: usize, add: i32): void {
  if (aStep & bStep) combineRun(kind, a, 1, b, 1, bytes, out, add)
  else if (aStep) combineRun(kind, a, 1, b, 0, bytes, out, add)
  else if (bStep) combineRun(kind, a, 0, b, 1, bytes, out, add)
  else combineRun(kind, a, 0, b, 0, bytes, out, add)
}

export function combineFloats(kind: i32, a: usize, aStep: usize, b: usize, bStep: usize, count: i32, out: usize, add: i32): void {
  const bytes = <usize>count << 2
  if (kind == 0) {
    if (add) combineStepped(0, a, aStep, b, bStep, bytes, out, 1)
    else combineStepped(0, a, aStep, b, bStep, bytes, out, 0)
  } else if (kind == 1) {
    if (add) combineStepped(1, a, aStep, b, bStep, bytes, out, 1)
    else combineStepped(1, a, aStep, b, bStep, bytes, out, 0)
  } else {
    if (add) combineStepped(2, a, aStep, b, bStep, bytes, out, 1)
    else combineStepped(2, a, aStep, b, bStep, bytes, out, 0)
  }
}
