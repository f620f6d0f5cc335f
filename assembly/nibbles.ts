// Whole 16-column groups of symmetric 4-bit blocks, without error sums. Twin: src/kernels/reference/nibbles.ts.
import { LARGE, MAGIC_BITS, RANGE, SQUARE, magic, pin } from './memory'
import { SEARCH_SYMMETRIC, inverseOf, nearestScale } from './scale'

/**
 * Copies 16 columns to LARGE side by side and leaves their ranges in RANGE. Bits of floats are ordered like signed integers among
 * floats >= 0, and like unsigned ones among all below: two comparisons find the ends, infinities and NaN. 0 if there are such.
 */
@inline function gather(p: usize, step: usize, rows: i32): bool {
  let max0 = i32x4.splat(0)
  let max1 = max0
  let max2 = max0
  let max3 = max0
  let min0 = max0
  let min1 = max0
  let min2 = max0
  let min3 = max0
  for (let to = LARGE; rows > 0; rows--, p += step, to += 64) {
    const a = v128.load(p)
    const b = v128.load(p, 16)
    const c = v128.load(p, 32)
    const d = v128.load(p, 48)
    v128.store(to, a)
    v128.store(to, b, 16)
    v128.store(to, c, 32)
    v128.store(to, d, 48)
    max0 = i32x4.max_s(max0, a)
    min0 = i32x4.max_u(min0, a)
    max1 = i32x4.max_s(max1, b)
    min1 = i32x4.max_u(min1, b)
    max2 = i32x4.max_s(max2, c)
    min2 = i32x4.max_u(min2, c)
    max3 = i32x4.max_s(max3, d)
    min3 = i32x4.max_u(min3, d)
  }
  v128.store(RANGE, max0)
  v128.store(RANGE, max1, 16)
  v128.store(RANGE, max2, 32)
  v128.store(RANGE, max3, 48)
  v128.store(RANGE, min0, 64)
  v128.store(RANGE, min1, 80)
  v128.store(RANGE, min2, 96)
  v128.store(RANGE, min3, 112)
  const above = i32x4.max_s(i32x4.max_s(max0, max1), i32x4.max_s(max2, max3))
  const below = i32x4.max_u(i32x4.max_u(min0, min1), i32x4.max_u(min2, min3))
  return !v128.any_true(v128.or(i32x4.ge_s(above, i32x4.splat(0x7f800000)), i32x4.ge_u(below, i32x4.splat(0xff800000))))
}

/** Codes of 8 rows of 4 columns at their places in 32-bit words, with the bits of 8 rounding constants. */
@inline function joined(from: usize, inverse: v128, low: v128, high: v128, round: v128): v128 {
  let word = code(from, inverse, low, high, round)
  word = i32x4.add(word, i32x4.shl(code(from + 64, inverse, low, high, round), 4))
  word = i32x4.add(word, i32x4.shl(code(from + 128, inverse, low, high, round), 8))
  word = i32x4.add(word, i32x4.shl(code(from + 192, inverse, low, high, round), 12))
  word = i32x4.add(word, i32x4.shl(code(from + 256, inverse, low, high, round), 16))
  word = i32x4.add(word, i32x4.shl(code(from + 320, inverse, low, high, round), 20))
  word = i32x4.add(word, i32x4.shl(code(from + 384, inverse, low, high, round), 24))
  return i32x4.add(word, i32x4.shl(code(from + 448, inverse, low, high, round), 28))
}

@inline function code(from: usize, inverse: v128, low: v128, high: v128, round: v128): v128 {
  return f32x4.add(f32x4.pmin(high, f32x4.pmax(low, f32x4.mul(v128.load(from), inverse))), round)
}

@inline function loadScales(from: usize, step: usize): v128 {
  if (step == 4) return v128.load(from)
  let scale = v128.load32_zero(from)
  scale = v128.load32_lane(from + step, scale, 1)
  scale = v128.load32_lane(from + step * 2, scale, 2)
  return v128.load32_lane(from + step * 3, scale, 3)
}

@inline function storeScales(scale: v128, to: usize, step: usize): void {
  if (step == 4) {
    v128.store(to, scale)
    return
  }
  v128.store32_lane(to, scale, 0)
  v128.store32_lane(to + step, scale, 1)
  v128.store32_lane(to + step * 2, scale, 2)
  v128.store32_lane(to + step * 3, scale, 3)
}

export function packNibbleColumns(src: usize, stride: usize, rows: i32, columns: i32, mode: i32, flip: i32, halfScales: i32, scales: usize, scaleStride: usize, dst: usize, dstStride: usize): i32 {
  const step = stride << 2
  const scaleStep = scaleStride << 2
  const round = magic()
  const low = pin(f32x4.splat(-8), 0)
  const high = pin(f32x4.splat(7), 1)
  // Every code came with the bits of 1.5 * 2^23 and without its 8.
  const biases = pin(i32x4.splat((MAGIC_BITS - 8) * 0x11111111), 3)
  const flips = pin(i32x4.splat(flip * 0x11111111), 4)
  for (; columns > 0; columns -= 16, src += 64) {
    if (!gather(src, step, rows)) return 0
    for (let at: usize = 0; at < 64; at += 16, dst += dstStride << 2) {
      let scale: v128
      if (mode == SEARCH_SYMMETRIC) scale = loadScales(scales, scaleStep)
      else {
        const bits = v128.load(RANGE + at, 64)
        const min = v128.and(bits, f32x4.lt(bits, f32x4.splat(0)))
        scale = nearestScale(min, v128.load(RANGE + at), mode, 15, halfScales)
        storeScales(scale, scales, scaleStep)
      }
      scales += scaleStep << 2
      const inverse = pin(inverseOf(scale), 2)
      let from = LARGE + at
      let to = dst
      for (let left = rows; left > 0; left -= 32, from += 2048, to += 16) {
        // One word at a time, by way of memory: V8 would load all 32 rows first and then spill them.
        for (let word: usize = 0; word < 64; word += 16) {
          const codes = joined(from + (word << 5), inverse, low, high, round)
          v128.store(SQUARE + word, v128.xor(i32x4.sub(codes, biases), flips))
        }
        const a = v128.load(SQUARE)
        const b = v128.load(SQUARE, 16)
        const c = v128.load(SQUARE, 32)
        const d = v128.load(SQUARE, 48)
        const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5)
        const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5)
        v128.store(to, v128.shuffle<i64>(ab, cd, 0, 2))
        v128.store(to + dstStride, v128.shuffle<i64>(ab, cd, 1, 3))
        const ab2 = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
        const cd2 = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
        v128.store(to + dstStride * 2, v128.shuffle<i64>(ab2, cd2, 0, 2))
        v128.store(to + dstStride * 3, v128.shuffle<i64>(ab2, cd2, 1, 3))
      }
    }
  }
  return 1
}

export function interleave(src: usize, count: i32, runs: i32, size: i32, dst: usize, dstStride: usize): void {
  const step = <usize>count * <usize>size
  if (size == 16) {
    // Four at a time: a cache line is read once.
    for (; count >= 4; count -= 4, src += 64, dst += dstStride << 2) {
      let from = src
      let to = dst
      for (let run = runs; run > 0; run--, from += step, to += 16) {
        v128.store(to, v128.load(from))
        v128.store(to + dstStride, v128.load(from, 16))
        v128.store(to + dstStride * 2, v128.load(from, 32))
        v128.store(to + dstStride * 3, v128.load(from, 48))
      }
    }
  } else if (size == 4 && runs == 4) {
    for (; count >= 4; count -= 4, src += 16, dst += dstStride << 2) {
      const a = v128.load(src)
      const b = v128.load(src + step)
      const c = v128.load(src + step * 2)
      const d = v128.load(src + step * 3)
      const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5)
      const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5)
      v128.store(dst, v128.shuffle<i64>(ab, cd, 0, 2))
      v128.store(dst + dstStride, v128.shuffle<i64>(ab, cd, 1, 3))
      const ab2 = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
      const cd2 = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
      v128.store(dst + dstStride * 2, v128.shuffle<i64>(ab2, cd2, 0, 2))
      v128.store(dst + dstStride * 3, v128.shuffle<i64>(ab2, cd2, 1, 3))
    }
  }
  for (; count > 0; count--, src += <usize>size, dst += dstStride) {
    let from = src
    let to = dst
    if (size >= 16) {
      for (let run = runs; run > 0; run--, from += step) {
        for (let at: usize = 0; at < <usize>size; at += 16, to += 16) v128.store(to, v128.load(from + at))
      }
    } else {
      for (let run = runs; run > 0; run--, from += step, to += 4) i32.store(to, i32.load(from))
    }
  }
}
