// Mean magnitudes of blocks. Twin: src/kernels/reference/magnitude.ts, which fixes the order of the sums: four f64 lanes a block.
import { GRID, TAIL, least, padTail, word } from './memory'
import { settle } from './scale'

const SUMS: usize = GRID

@inline function high(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 0, 1))
}

/** (l0 + l2) + (l1 + l3). */
@inline function total(low: v128, high: v128): f64 {
  const pairs = f64x2.add(low, high)
  return f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1)
}

function sumOf(p: usize, count: i32): f64 {
  const absolute = word(1)
  let low = f64x2.splat(0)
  let top = low
  for (; count > 0; count -= 4, p += 16) {
    if (count < 4) padTail(p, count)
    const x = v128.and(v128.load(count < 4 ? TAIL : p), absolute)
    low = f64x2.add(low, f64x2.promote_low_f32x4(x))
    top = f64x2.add(top, high(x))
  }
  return total(low, top)
}

/** Mean of the magnitudes beyond `threshold`; 0 where there are none. */
function meanBeyond(p: usize, count: i32, threshold: f32): f64 {
  const absolute = word(1)
  const limit = f32x4.splat(threshold)
  let low = f64x2.splat(0)
  let top = low
  let found = i32x4.splat(0)
  for (; count > 0; count -= 4, p += 16) {
    if (count < 4) padTail(p, count)
    const x = v128.and(v128.load(count < 4 ? TAIL : p), absolute)
    const beyond = f32x4.gt(x, limit)
    const kept = v128.and(x, beyond)
    low = f64x2.add(low, f64x2.promote_low_f32x4(kept))
    top = f64x2.add(top, high(kept))
    found = i32x4.sub(found, beyond)
  }
  const many = i32x4.extract_lane(found, 0) + i32x4.extract_lane(found, 1) + i32x4.extract_lane(found, 2) + i32x4.extract_lane(found, 3)
  return many == 0 ? 0 : total(low, top) / <f64>many
}

/** `beyond`: only magnitudes above 0.7 times the mean count. */
export function fitMagnitudes(p: usize, count: i32, block: i32, beyond: bool, halfScales: i32, scales: usize): void {
  for (; count > 0; count -= block, p += <usize>block << 2, scales += 4) {
    const run = least(block, count)
    let mean = sumOf(p, run) / <f64>run
    if (beyond) mean = meanBeyond(p, run, <f32>(mean * 0.7))
    v128.store(SUMS, settle(f32x4.splat(<f32>mean), halfScales))
    i32.store(scales, i32.load(SUMS))
  }
}
