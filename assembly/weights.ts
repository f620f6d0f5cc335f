// Symmetric signed codes of weights, row by row. Twin: src/kernels/reference/weights.ts.
import { both, high, low } from './doubles'
import { LAST, padTail, pin, TAIL } from './memory'

const CANDIDATES: i32 = 16
const LEAST_PART: f64 = 0.7
/** Floats between two looks at what was reached. */
const STRETCH: i32 = 256
/** Below it the inverse of a scale may be no number that f32 holds. */
const LEAST_SEARCHED: f32 = 2.350988701644575e-38

export function roundRows(src: usize, rows: i32, length: i32, most: f32, search: i32, least: usize, scales: usize, codes: usize, sums: usize): i32 {
  for (let row = 0; row < rows; row++, src += length << 2, codes += length, scales += 4, sums += 24) {
    const extreme = extremeOf(src, length)
    if (!(extreme < Infinity)) return row
    const floor = least ? f32.load(least + (row << 2)) : 0
    const own: f32 = extreme > 0 ? extreme / most : 1
    const full = own > floor ? own : floor
    const scale = search && full >= LEAST_SEARCHED ? searched(src, length, most, full, floor) : full
    f32.store(scales, scale)
    encode(src, length, most, scale, codes, sums)
    f64.store(sums, full, 16)
  }
  return -1
}

/** NaN where there is one. */
function extremeOf(src: usize, length: i32): f32 {
  let a = f32x4.splat(0)
  let b = a
  for (; length >= 8; length -= 8, src += 32) {
    a = f32x4.max(a, f32x4.abs(v128.load(src)))
    b = f32x4.max(b, f32x4.abs(v128.load(src, 16)))
  }
  a = f32x4.max(a, b)
  for (; length > 0; length--, src += 4) a = f32x4.max(a, f32x4.abs(v128.load32_splat(src)))
  a = f32x4.max(a, v128.shuffle<i64>(a, a, 1, 0))
  a = f32x4.max(a, v128.shuffle<i32>(a, a, 1, 0, 3, 2))
  return f32x4.extract_lane(a, 0)
}

function searched(src: usize, length: i32, most: f32, full: f32, floor: f32): f32 {
  let error: f64 = Infinity
  let best = full
  for (let step = CANDIDATES; step >= 0; step--) {
    const part = LEAST_PART + ((1.0 - LEAST_PART) * <f64>step) / <f64>CANDIDATES
    const lower = <f32>(<f64>full * part)
    const candidate = lower > floor ? lower : floor
    const sum = errorOf(src, length, candidate, most, error)
    if (sum >= error) continue
    error = sum
    best = candidate
  }
  return best
}

@inline function squared(x: v128, inverse: v128, scale: v128, most: v128, least: v128): v128 {
  const code = f32x4.pmax(f32x4.pmin(f32x4.nearest(f32x4.mul(x, inverse)), most), least)
  const left = f32x4.sub(x, f32x4.mul(scale, code))
  return f32x4.mul(left, left)
}

/** Given up, with what was reached, once that is `enough`. */
function errorOf(src: usize, length: i32, given: f32, last: f32, enough: f64): f64 {
  const scale = pin(f32x4.splat(given), 0)
  const inverse = pin(f32x4.splat(1.0 / given), 1)
  const most = pin(f32x4.splat(last), 2)
  const least = pin(f32x4.splat(-last), 3)
  let sum: f64 = 0
  while (length > 0 && !(sum >= enough)) {
    let a = f32x4.splat(0)
    let b = a
    let left = length < STRETCH ? length : STRETCH
    length -= left
    for (; left >= 8; left -= 8, src += 32) {
      a = f32x4.add(a, squared(v128.load(src), inverse, scale, most, least))
      b = f32x4.add(b, squared(v128.load(src, 16), inverse, scale, most, least))
    }
    if (left) {
      padTail(src, left)
      a = f32x4.add(a, squared(v128.load(TAIL), inverse, scale, most, least))
      b = f32x4.add(b, squared(v128.load(TAIL, 16), inverse, scale, most, least))
    }
    a = f32x4.add(a, b)
    a = f32x4.add(a, v128.shuffle<i64>(a, a, 1, 0))
    sum += <f64>f32x4.extract_lane(a, 0) + <f64>f32x4.extract_lane(a, 1)
  }
  return sum
}

function encode(src: usize, length: i32, last: f32, given: f32, codes: usize, sums: usize): void {
  const scale = pin(f64x2.splat(given), 0)
  const most = pin(f64x2.splat(last), 1)
  const least = pin(f64x2.splat(-last), 2)
  let e0 = f64x2.splat(0)
  let e1 = e0
  let e2 = e0
  let e3 = e0
  let q0 = e0
  let q1 = e0
  let q2 = e0
  let q3 = e0
  for (; length > 0; length -= 8, src += 32, codes += 8) {
    let from = src
    if (length < 8) {
      padTail(src, length)
      from = TAIL
    }
    const a = v128.load(from)
    const b = v128.load(from, 16)
    const a0 = low(a)
    const a1 = high(a)
    const b0 = low(b)
    const b1 = high(b)
    const c0 = f64x2.pmax(f64x2.pmin(f64x2.nearest(f64x2.div(a0, scale)), most), least)
    const c1 = f64x2.pmax(f64x2.pmin(f64x2.nearest(f64x2.div(a1, scale)), most), least)
    const c2 = f64x2.pmax(f64x2.pmin(f64x2.nearest(f64x2.div(b0, scale)), most), least)
    const c3 = f64x2.pmax(f64x2.pmin(f64x2.nearest(f64x2.div(b1, scale)), most), least)
    const d0 = f64x2.sub(a0, low(f32x4.demote_f64x2_zero(f64x2.mul(c0, scale))))
    const d1 = f64x2.sub(a1, low(f32x4.demote_f64x2_zero(f64x2.mul(c1, scale))))
    const d2 = f64x2.sub(b0, low(f32x4.demote_f64x2_zero(f64x2.mul(c2, scale))))
    const d3 = f64x2.sub(b1, low(f32x4.demote_f64x2_zero(f64x2.mul(c3, scale))))
    e0 = f64x2.add(e0, f64x2.mul(d0, d0))
    e1 = f64x2.add(e1, f64x2.mul(d1, d1))
    e2 = f64x2.add(e2, f64x2.mul(d2, d2))
    e3 = f64x2.add(e3, f64x2.mul(d3, d3))
    q0 = f64x2.add(q0, f64x2.mul(a0, a0))
    q1 = f64x2.add(q1, f64x2.mul(a1, a1))
    q2 = f64x2.add(q2, f64x2.mul(b0, b0))
    q3 = f64x2.add(q3, f64x2.mul(b1, b1))
    const i = v128.shuffle<i64>(i32x4.trunc_sat_f64x2_s_zero(c0), i32x4.trunc_sat_f64x2_s_zero(c1), 0, 2)
    const j = v128.shuffle<i64>(i32x4.trunc_sat_f64x2_s_zero(c2), i32x4.trunc_sat_f64x2_s_zero(c3), 0, 2)
    const words = i16x8.narrow_i32x4_s(i, j)
    const bytes = i8x16.narrow_i16x8_s(words, words)
    if (length >= 8) v128.store64_lane(codes, bytes, 0)
    else {
      v128.store(LAST, bytes)
      memory.copy(codes, LAST, length)
    }
  }
  f64.store(sums, both(f64x2.add(f64x2.add(e0, e2), f64x2.add(e1, e3))))
  f64.store(sums, both(f64x2.add(f64x2.add(q0, q2), f64x2.add(q1, q3))), 8)
}

export function shiftRows(src: usize, codes: usize, flip: i32, rows: i32, inputs: i32, positions: i32, scales: usize, means: usize, perGroup: i32, shifts: usize): void {
  let left = perGroup
  for (; rows > 0; rows--, scales += 4, shifts += 8) {
    const scale = <f64>f32.load(scales)
    let shift: f64 = 0
    for (let input = 0; input < inputs; input++) {
      let change: f64 = 0
      for (let at = positions; at > 0; at--, src += 4, codes++) {
        const code = <f64><i8>(i32.load8_u(codes) ^ flip)
        change += <f64><f32>(code * scale) - <f64>f32.load(src)
      }
      shift += change * f64.load(means + (input << 3))
    }
    f64.store(shifts, shift)
    if (--left == 0) {
      left = perGroup
      means += inputs << 3
    }
  }
}
