// Range, finiteness, squared error, histogram, saturating pairs.
// Twins: src/kernels/reference/range.ts, squared-error.ts, histogram.ts, worst-pair.ts.
import { LARGE, LARGE_BYTES, TAIL, least, padTail, pin, word } from './memory'
import { foldErrors } from './encode'

export function census(src: usize, count: i32, out: usize): i32 {
  const absolute = word(1)
  let min = f32x4.splat(Infinity)
  let max = f32x4.splat(-Infinity)
  let bits = i32x4.splat(0)
  let p = src
  let left = count
  let min2 = min
  let max2 = max
  let bits2 = bits
  for (; left >= 8; left -= 8, p += 32) {
    const a = v128.load(p)
    const b = v128.load(p, 16)
    min = f32x4.pmin(min, a)
    max = f32x4.pmax(max, a)
    bits = i32x4.max_s(bits, v128.and(a, absolute))
    min2 = f32x4.pmin(min2, b)
    max2 = f32x4.pmax(max2, b)
    bits2 = i32x4.max_s(bits2, v128.and(b, absolute))
  }
  min = f32x4.pmin(min, min2)
  max = f32x4.pmax(max, max2)
  bits = i32x4.max_s(bits, bits2)
  for (; left > 0; left--, p += 4) {
    const a = v128.load32_splat(p)
    min = f32x4.pmin(min, a)
    max = f32x4.pmax(max, a)
    bits = i32x4.max_s(bits, v128.and(a, absolute))
  }
  min = f32x4.pmin(min, v128.shuffle<i32>(min, min, 2, 3, 0, 1))
  min = f32x4.pmin(min, v128.shuffle<i32>(min, min, 1, 0, 3, 2))
  max = f32x4.pmax(max, v128.shuffle<i32>(max, max, 2, 3, 0, 1))
  max = f32x4.pmax(max, v128.shuffle<i32>(max, max, 1, 0, 3, 2))
  // + 0 turns -0 into +0, so that the order of the elements does not show.
  const lowest = f32x4.extract_lane(min, 0) + 0
  const highest = f32x4.extract_lane(max, 0) + 0
  let largest: f32 = 0
  if (highest > largest) largest = highest
  if (-lowest > largest) largest = -lowest
  f32.store(out, lowest)
  f32.store(out, highest, 4)
  f32.store(out, largest, 8)
  if (!v128.any_true(i32x4.ge_s(bits, word(2)))) return -1
  for (let i = 0; i < count; i++) {
    if ((i32.load(src + (<usize>i << 2)) & 0x7fffffff) >= 0x7f800000) return i
  }
  return -1
}

/** Elements after which lanes are folded. */
const RUN: i32 = 1024

export function squaredError(a: usize, b: usize, count: i32, out: usize): void {
  let errors: f64 = 0
  let energies: f64 = 0
  while (count > 0) {
    let run = least(count, RUN)
    count -= run
    let e0 = f32x4.splat(0)
    let e1 = e0
    let e2 = e0
    let e3 = e0
    let s0 = e0
    let s1 = e0
    let s2 = e0
    let s3 = e0
    for (; run > 0; run -= 16, a += 64, b += 64) {
      let p = a
      let q = b
      if (run < 16) {
        padTail(b, run)
        for (let i: usize = 0; i < 64; i += 16) v128.store(LARGE + i, v128.load(TAIL + i))
        padTail(a, run)
        p = TAIL
        q = LARGE
      }
      const x0 = v128.load(p)
      const x1 = v128.load(p, 16)
      const x2 = v128.load(p, 32)
      const x3 = v128.load(p, 48)
      const d0 = f32x4.sub(x0, v128.load(q))
      const d1 = f32x4.sub(x1, v128.load(q, 16))
      const d2 = f32x4.sub(x2, v128.load(q, 32))
      const d3 = f32x4.sub(x3, v128.load(q, 48))
      e0 = f32x4.add(e0, f32x4.mul(d0, d0))
      e1 = f32x4.add(e1, f32x4.mul(d1, d1))
      e2 = f32x4.add(e2, f32x4.mul(d2, d2))
      e3 = f32x4.add(e3, f32x4.mul(d3, d3))
      s0 = f32x4.add(s0, f32x4.mul(x0, x0))
      s1 = f32x4.add(s1, f32x4.mul(x1, x1))
      s2 = f32x4.add(s2, f32x4.mul(x2, x2))
      s3 = f32x4.add(s3, f32x4.mul(x3, x3))
    }
    errors = foldErrors(errors, e0, e1, e2, e3)
    energies = foldErrors(energies, s0, s1, s2, s3)
  }
  f64.store(out, errors)
  f64.store(out, energies, 8)
}

@inline function count1(table: usize, bin: i32): void {
  const at = table + (<usize>bin << 2)
  i32.store(at, i32.load(at) + 1)
}

/** Four tables, where they fit, so that equal neighbours do not wait for each other's store. */
export function histogram(src: usize, count: i32, width: f32, bins: usize, binCount: i32): void {
  const absolute = word(1)
  const step = pin(f32x4.splat(width), 0)
  const last = pin(i32x4.splat(binCount - 1), 1)
  const bytes = <usize>binCount << 2
  const spare = bytes * 3 <= <usize>LARGE_BYTES
  const t1 = spare ? LARGE : bins
  const t2 = spare ? LARGE + bytes : bins
  const t3 = spare ? LARGE + bytes * 2 : bins
  if (spare) memory.fill(LARGE, 0, bytes * 3)
  for (; count >= 4; count -= 4, src += 16) {
    const position = f32x4.div(v128.and(v128.load(src), absolute), step)
    const bin = i32x4.min_s(i32x4.trunc_sat_f32x4_s(position), last)
    count1(bins, i32x4.extract_lane(bin, 0))
    count1(t1, i32x4.extract_lane(bin, 1))
    count1(t2, i32x4.extract_lane(bin, 2))
    count1(t3, i32x4.extract_lane(bin, 3))
  }
  for (; count > 0; count--, src += 4) {
    const position = f32x4.div(v128.and(v128.load32_splat(src), absolute), step)
    count1(bins, i32x4.extract_lane(i32x4.min_s(i32x4.trunc_sat_f32x4_s(position), last), 0))
  }
  if (!spare) return
  for (let at: usize = 0; at < bytes; at += 4) {
    i32.store(bins + at, i32.load(bins + at) + i32.load(t1 + at) + i32.load(t2 + at) + i32.load(t3 + at))
  }
}

/** |a + b| of 16 pairs of codes less 128 where the signs agree, else 0; the larger of the two halves. */
@inline function pairSums(p: usize, q: usize, sign: v128): v128 {
  const a = v128.xor(v128.load(p), sign)
  const b = v128.xor(v128.load(q), sign)
  const differs = i8x16.lt_s(v128.xor(a, b), i8x16.splat(0))
  const low = i16x8.abs(i16x8.add(i16x8.extend_low_i8x16_s(a), i16x8.extend_low_i8x16_s(b)))
  const high = i16x8.abs(i16x8.add(i16x8.extend_high_i8x16_s(a), i16x8.extend_high_i8x16_s(b)))
  return i16x8.max_s(
    v128.andnot(low, i16x8.extend_low_i8x16_s(differs)),
    v128.andnot(high, i16x8.extend_high_i8x16_s(differs)),
  )
}

function worstPair(p: usize, distance: usize, count: i32): i32 {
  const sign = word(17)
  let worst = i16x8.splat(0)
  for (; count >= 16; count -= 16, p += 16) worst = i16x8.max_s(worst, pairSums(p, p + distance, sign))
  let largest = 0
  for (; count > 0; count--, p++) {
    const a = <i32>i32.load8_u(p) - 128
    const b = <i32>i32.load8_u(p + distance) - 128
    const sum = a + b
    if ((a ^ b) >= 0) largest = max(largest, sum < 0 ? -sum : sum)
  }
  worst = i16x8.max_s(worst, v128.shuffle<i64>(worst, worst, 1, 0))
  worst = i16x8.max_s(worst, v128.shuffle<i32>(worst, worst, 1, 0, 3, 2))
  worst = i16x8.max_s(worst, v128.shuffle<i16>(worst, worst, 1, 0, 3, 2, 5, 4, 7, 6))
  return max(largest, <i32>i16x8.extract_lane_s(worst, 0))
}

export function worstPairRows(codes: usize, stride: usize, rows: i32, columns: i32): i32 {
  let worst = 0
  for (; rows > 0; rows--, codes += stride) worst = max(worst, worstPair(codes, 1, columns - 1))
  return worst
}

export function worstPairColumns(codes: usize, stride: usize, rows: i32, columns: i32): i32 {
  let worst = 0
  for (; rows > 1; rows--, codes += stride) worst = max(worst, worstPair(codes, stride, columns))
  return worst
}
