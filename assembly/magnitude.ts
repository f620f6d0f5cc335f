// Mean magnitudes of blocks. Twin: src/numbers/mean-magnitude.ts, which fixes the order of the sums.
import { TAIL, least, padTail, word } from './memory'
import { settle } from './scale'

@inline function high(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 0, 1))
}

/** (l0 + l2) + (l1 + l3). */
@inline function total(low: v128, high: v128): f64 {
  const pairs = f64x2.add(low, high)
  return f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1)
}

@inline function sum4(a: v128, b: v128, c: v128, d: v128): v128 {
  return f32x4.add(f32x4.add(a, b), f32x4.add(c, d))
}

function sumOf(p: usize, count: i32): f64 {
  const absolute = word(1)
  let low = f64x2.splat(0)
  let top = low
  for (; count > 0; count -= 16, p += 64) {
    const from = count < 16 ? TAIL : p
    if (count < 16) padTail(p, count)
    const a = v128.and(v128.load(from), absolute)
    const b = v128.and(v128.load(from, 16), absolute)
    const c = v128.and(v128.load(from, 32), absolute)
    const d = v128.and(v128.load(from, 48), absolute)
    const s = sum4(a, b, c, d)
    low = f64x2.add(low, f64x2.promote_low_f32x4(s))
    top = f64x2.add(top, high(s))
  }
  return total(low, top)
}

/** Mean of the magnitudes beyond `threshold`, which is not negative; 0 where there are none. */
function meanBeyond(p: usize, count: i32, threshold: f32): f64 {
  const absolute = word(1)
  const limit = f32x4.splat(threshold)
  let low = f64x2.splat(0)
  let top = low
  let found = i32x4.splat(0)
  for (; count > 0; count -= 16, p += 64) {
    const from = count < 16 ? TAIL : p
    if (count < 16) padTail(p, count)
    const a = v128.and(v128.load(from), absolute)
    const b = v128.and(v128.load(from, 16), absolute)
    const c = v128.and(v128.load(from, 32), absolute)
    const d = v128.and(v128.load(from, 48), absolute)
    const isA = f32x4.gt(a, limit)
    const isB = f32x4.gt(b, limit)
    const isC = f32x4.gt(c, limit)
    const isD = f32x4.gt(d, limit)
    const s = sum4(v128.and(a, isA), v128.and(b, isB), v128.and(c, isC), v128.and(d, isD))
    low = f64x2.add(low, f64x2.promote_low_f32x4(s))
    top = f64x2.add(top, high(s))
    found = i32x4.sub(found, i32x4.add(i32x4.add(isA, isB), i32x4.add(isC, isD)))
  }
  const many = i32x4.extract_lane(found, 0) + i32x4.extract_lane(found, 1) + i32x4.extract_lane(found, 2) + i32x4.extract_lane(found, 3)
  return many == 0 ? 0 : total(low, top) / <f64>many
}

/** Floats whose blocks get their thresholds before the first is used: a division is long, the next block does not wait for it. */
const GROUP: i32 = 2048

/** `beyond`: only magnitudes above 0.7 times the mean count. */
export function fitMagnitudes(p: usize, count: i32, block: i32, beyond: bool, halfScales: i32, scales: usize): void {
  const step = <usize>block << 2
  const blocks = max(1, GROUP / block)
  while (count > 0) {
    let left = count
    let from = p
    let to = scales
    for (let i = 0; i < blocks && left > 0; i++, left -= block, from += step, to += 4) {
      const run = least(block, left)
      const mean = sumOf(from, run) / <f64>run
      f32.store(to, <f32>(beyond ? mean * 0.7 : mean))
    }
    for (let i = 0; i < blocks && count > 0; i++, count -= block, p += step, scales += 4) {
      const mean = beyond ? <f32>meanBeyond(p, least(block, count), f32.load(scales)) : f32.load(scales)
      i32.store(scales, i32x4.extract_lane(settle(f32x4.splat(mean), halfScales), 0))
    }
  }
}
