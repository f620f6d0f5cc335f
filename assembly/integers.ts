// Codes of evenly spaced levels around a fixed zero. Twin: src/kernels/reference/integers.ts.
import { INVERSES, LAST, MAGIC_BITS, TAIL, copyBytes, least, magic, padTail, pin } from './memory'
import { invertScales } from './levels'

@inline function level(x: v128, inverse: v128, low: v128, high: v128, round: v128): v128 {
  return f32x4.add(f32x4.pmin(high, f32x4.pmax(low, f32x4.mul(x, inverse))), round)
}

/** One byte a code for `count` values, `first` of them in the first block. */
export function encodeIntegers(p: usize, count: i32, block: i32, first: i32, zero: i32, maxCode: i32, scales: usize, dst: usize): void {
  const round = magic()
  const low = pin(f32x4.splat(-<f32>zero), 0)
  const high = pin(f32x4.splat(<f32>(maxCode - zero)), 1)
  const bias = pin(i32x4.splat(MAGIC_BITS - zero), 2)
  let at: usize = 256
  for (let left = first; count > 0; left = block, scales += 4, at += 4) {
    if (at == 256) {
      invertScales(scales, least(64, (count - least(left, count) + block - 1) / block + 1))
      at = 0
    }
    const inverse = v128.load32_splat(INVERSES + at)
    const run = least(left, count)
    count -= run
    const tail = run & 15
    let from = p
    let to = dst
    let rest = run
    for (;;) {
      for (; rest >= 16; rest -= 16, from += 64, to += 16) {
        const a = i32x4.sub(level(v128.load(from), inverse, low, high, round), bias)
        const b = i32x4.sub(level(v128.load(from, 16), inverse, low, high, round), bias)
        const c = i32x4.sub(level(v128.load(from, 32), inverse, low, high, round), bias)
        const d = i32x4.sub(level(v128.load(from, 48), inverse, low, high, round), bias)
        const codes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d))
        v128.store(to, codes)
      }
      if (rest == 0) break
      padTail(from, rest)
      from = TAIL
      to = LAST
      rest = 16
    }
    if (tail) copyBytes(dst + <usize>(run - tail), LAST, tail)
    p += <usize>run << 2
    dst += run
  }
}
