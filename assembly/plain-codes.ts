// One-byte codes of symmetric columns whose scales clip nothing, without error sums. Twin: src/kernels/reference/plain-codes.ts.
import { LARGE, MAGIC_BITS, magic, pin } from './memory'
import { inverseOf } from './scale'

/** Integer code of each lane, where it is one of 256; anything else where it is not. */
@inline function codeOf(x: v128, inverse: v128, round: v128, bias: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.mul(x, inverse), round), bias)
}

export function encodePlainColumns(src: usize, stride: usize, rows: i32, columns: i32, flip: i32, scales: usize, dst: usize, dstStride: usize): i32 {
  const width = <usize>columns << 2
  for (let at: usize = 0; at < width; at += 16) v128.store(LARGE + at, inverseOf(v128.load(scales + at)))
  const round = magic()
  const bias = pin(i32x4.splat(MAGIC_BITS - 128), 0)
  const flips = pin(i8x16.splat(<i8>flip), 1)
  let seen = i32x4.splat(0)
  for (; rows > 0; rows--, src += stride << 2, dst += dstStride) {
    for (let at: usize = 0, to = dst; at < width; at += 64, to += 16) {
      const a = codeOf(v128.load(src + at), v128.load(LARGE + at), round, bias)
      const b = codeOf(v128.load(src + at, 16), v128.load(LARGE + at, 16), round, bias)
      const c = codeOf(v128.load(src + at, 32), v128.load(LARGE + at, 32), round, bias)
      const d = codeOf(v128.load(src + at, 48), v128.load(LARGE + at, 48), round, bias)
      seen = v128.or(seen, v128.or(v128.or(a, b), v128.or(c, d)))
      v128.store(to, v128.xor(i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)), flips))
    }
  }
  return v128.any_true(v128.and(seen, i32x4.splat(0xffffff00))) ? 0 : 1
}
