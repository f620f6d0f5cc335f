// Activations: ranges, sums, histograms. Twin: src/kernels/reference/observe.ts.
import { both, high, low } from './doubles'
import { LARGE, LARGE_BYTES, least, padTail, pin, TAIL } from './memory'

/** Bytes of a record of a run. */
const RECORD: usize = 24

export function observeRuns(src: usize, runs: i32, length: i32, out: usize): void {
  const rest = length & 7
  const whole = length - rest
  for (; runs > 0; runs--, out += RECORD) {
    let min = f32x4.splat(f32.MAX_VALUE * 2)
    let max = f32x4.neg(min)
    let min2 = min
    let max2 = max
    let s0 = f64x2.splat(0)
    let s1 = s0
    let s2 = s0
    let s3 = s0
    let q0 = s0
    let q1 = s0
    let q2 = s0
    let q3 = s0
    for (let left = whole; left > 0; left -= 8, src += 32) {
      const a = v128.load(src)
      const b = v128.load(src, 16)
      min = f32x4.pmin(min, a)
      max = f32x4.pmax(max, a)
      min2 = f32x4.pmin(min2, b)
      max2 = f32x4.pmax(max2, b)
      const a0 = low(a)
      const a1 = high(a)
      const b0 = low(b)
      const b1 = high(b)
      s0 = f64x2.add(s0, a0)
      s1 = f64x2.add(s1, a1)
      s2 = f64x2.add(s2, b0)
      s3 = f64x2.add(s3, b1)
      q0 = f64x2.add(q0, f64x2.mul(a0, a0))
      q1 = f64x2.add(q1, f64x2.mul(a1, a1))
      q2 = f64x2.add(q2, f64x2.mul(b0, b0))
      q3 = f64x2.add(q3, f64x2.mul(b1, b1))
    }
    if (rest) {
      padTail(src, rest)
      const a = v128.load(TAIL)
      const b = v128.load(TAIL, 16)
      const a0 = low(a)
      const a1 = high(a)
      const b0 = low(b)
      const b1 = high(b)
      s0 = f64x2.add(s0, a0)
      s1 = f64x2.add(s1, a1)
      s2 = f64x2.add(s2, b0)
      s3 = f64x2.add(s3, b1)
      q0 = f64x2.add(q0, f64x2.mul(a0, a0))
      q1 = f64x2.add(q1, f64x2.mul(a1, a1))
      q2 = f64x2.add(q2, f64x2.mul(b0, b0))
      q3 = f64x2.add(q3, f64x2.mul(b1, b1))
      for (let i = rest; i > 0; i--, src += 4) {
        const x = v128.load32_splat(src)
        min = f32x4.pmin(min, x)
        max = f32x4.pmax(max, x)
      }
    }
    min = f32x4.pmin(min, min2)
    max = f32x4.pmax(max, max2)
    min = f32x4.pmin(min, v128.shuffle<i64>(min, min, 1, 0))
    max = f32x4.pmax(max, v128.shuffle<i64>(max, max, 1, 0))
    min = f32x4.pmin(min, v128.shuffle<i32>(min, min, 1, 0, 3, 2))
    max = f32x4.pmax(max, v128.shuffle<i32>(max, max, 1, 0, 3, 2))
    // + 0 turns -0 into +0, so that the order of the elements does not show.
    f32.store(out, f32x4.extract_lane(min, 0) + 0)
    f32.store(out, f32x4.extract_lane(max, 0) + 0, 4)
    const energy = both(f64x2.add(f64x2.add(q0, q2), f64x2.add(q1, q3)))
    const isFinite = energy < Infinity
    f64.store(out, isFinite ? both(f64x2.add(f64x2.add(s0, s2), f64x2.add(s1, s3))) : 0, 8)
    f64.store(out, isFinite ? energy : Infinity, 16)
  }
}

export function observeColumns(src: usize, rows: i32, columns: i32, min: usize, max: usize, sum: usize, squares: usize): void {
  const step = <usize>columns << 2
  let column = 0
  for (; column + 4 <= columns; column += 4, src += 16, min += 16, max += 16, sum += 32, squares += 32) {
    let least = v128.load(min)
    let most = v128.load(max)
    let s0 = v128.load(sum)
    let s1 = v128.load(sum, 16)
    let q0 = v128.load(squares)
    let q1 = v128.load(squares, 16)
    let p = src
    for (let row = rows; row > 0; row--, p += step) {
      const x = v128.load(p)
      least = f32x4.pmin(least, x)
      most = f32x4.pmax(most, x)
      const x0 = low(x)
      const x1 = high(x)
      s0 = f64x2.add(s0, x0)
      s1 = f64x2.add(s1, x1)
      q0 = f64x2.add(q0, f64x2.mul(x0, x0))
      q1 = f64x2.add(q1, f64x2.mul(x1, x1))
    }
    v128.store(min, least)
    v128.store(max, most)
    v128.store(sum, s0)
    v128.store(sum, s1, 16)
    v128.store(squares, q0)
    v128.store(squares, q1, 16)
  }
  for (; column < columns; column++, src += 4, min += 4, max += 4, sum += 8, squares += 8) {
    let least = f32.load(min)
    let most = f32.load(max)
    let s = f64.load(sum)
    let q = f64.load(squares)
    let p = src
    for (let row = rows; row > 0; row--, p += step) {
      const x = f32.load(p)
      if (x < least) least = x
      if (x > most) most = x
      s += <f64>x
      q += <f64>x * <f64>x
    }
    f32.store(min, least)
    f32.store(max, most)
    f64.store(sum, s)
    f64.store(squares, q)
  }
}

export function sampleBlocks(src: usize, groups: i32, shift: i32, first: i32, dst: usize): void {
  const step = <usize>64 << <usize>shift
  const down = 32 - shift
  for (; groups > 0; groups--, first++, src += step, dst += 64) {
    const p = src + (<usize>((<u32>first * 0x9e3779b9) >> <u32>down) << 6)
    v128.store(dst, v128.load(p))
    v128.store(dst, v128.load(p, 16), 16)
    v128.store(dst, v128.load(p, 32), 32)
    v128.store(dst, v128.load(p, 48), 48)
  }
}

@inline function count1(table: usize, bin: i32): void {
  const at = table + (<usize>bin << 2)
  i32.store(at, i32.load(at) + 1)
}

/** Fewer values than this are counted in one table. */
const MANY: i32 = 2048

/** Four tables, where they pay and fit, so that equal neighbours do not wait for each other's store. */
export function countBins(src: usize, count: i32, perUnit: f32, first: i32, bins: usize, binCount: i32): i32 {
  const bytes = <usize>binCount << 2
  const spare = count >= MANY && bytes * 3 <= <usize>LARGE_BYTES
  const t1 = spare ? LARGE : bins
  const t2 = spare ? LARGE + bytes : bins
  const t3 = spare ? LARGE + bytes * 2 : bins
  if (spare) memory.fill(LARGE, 0, bytes * 3)
  const unit = pin(f32x4.splat(perUnit), 0)
  const start = pin(i32x4.splat(first), 1)
  const last = pin(i32x4.splat(binCount - 1), 2)
  const none = f32x4.splat(0)
  let zeros = i32x4.splat(0)
  for (; count > 0; count -= 4, src += 16) {
    let p = src
    if (count < 4) {
      padTail(src, count)
      p = TAIL
    }
    const x = v128.load(p)
    const place = f32x4.mul(x, unit)
    // Masks are -1.
    const below = v128.and(f32x4.eq(place, none), f32x4.lt(x, none))
    const floor = i32x4.add(i32x4.trunc_sat_f32x4_s(f32x4.floor(place)), below)
    const bin = i32x4.max_s(i32x4.min_s(i32x4.sub(floor, start), last), none)
    const isZero = f32x4.eq(x, none)
    count1(bins, i32x4.extract_lane(bin, 0))
    if (count < 4) {
      if (count > 1) count1(bins, i32x4.extract_lane(bin, 1))
      if (count > 2) count1(bins, i32x4.extract_lane(bin, 2))
      zeros = i32x4.sub(zeros, isZero)
      // The padding was counted as zeros.
      zeros = i32x4.sub(zeros, i32x4.replace_lane(i32x4.splat(0), 0, 4 - count))
      break
    }
    zeros = i32x4.sub(zeros, isZero)
    count1(t1, i32x4.extract_lane(bin, 1))
    count1(t2, i32x4.extract_lane(bin, 2))
    count1(t3, i32x4.extract_lane(bin, 3))
  }
  if (spare) {
    let at: usize = 0
    for (; at + 16 <= bytes; at += 16) {
      const here = i32x4.add(v128.load(bins + at), v128.load(t1 + at))
      v128.store(bins + at, i32x4.add(here, i32x4.add(v128.load(t2 + at), v128.load(t3 + at))))
    }
    for (; at < bytes; at += 4) {
      i32.store(bins + at, i32.load(bins + at) + i32.load(t1 + at) + i32.load(t2 + at) + i32.load(t3 + at))
    }
  }
  return i32x4.extract_lane(zeros, 0) + i32x4.extract_lane(zeros, 1) + i32x4.extract_lane(zeros, 2) + i32x4.extract_lane(zeros, 3)
}
