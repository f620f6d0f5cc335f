// Pictures of three interleaved channels. Twin: src/kernels/reference/resize.ts.

/** Weights have 22 bits after the point; half of one makes the cut of them a rounding. */
const HALF: i32 = 2097152
const BITS: i32 = 22

export function weighAcross(src: usize, rows: i32, rowBytes: i32, taps: usize, columns: i32, weights: usize, dst: usize): void {
  const half = i32x4.splat(HALF)
  for (; rows > 0; rows--, src += rowBytes) {
    let weight = weights
    let tap = taps
    for (let column = columns; column > 0; column--, tap += 8, dst += 3) {
      let from = src + i32.load(tap)
      let sum = half
      for (let count = i32.load(tap, 4); count > 0; count--, from += 3, weight += 4) {
        const bytes = v128.load32_zero(from)
        const pixel = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes))
        sum = i32x4.add(sum, i32x4.mul(pixel, v128.load32_splat(weight)))
      }
      const whole = i32x4.shr_s(sum, BITS)
      const narrow = i16x8.narrow_i32x4_s(whole, whole)
      v128.store32_lane(dst, i8x16.narrow_i16x8_u(narrow, narrow), 0)
    }
  }
}

export function weighDown(src: usize, rowBytes: i32, rows: i32, weights: usize, length: i32, dst: usize): void {
  const half = i32x4.splat(HALF)
  for (; length > 0; length -= 16, src += 16, dst += 16) {
    let a = half
    let b = half
    let c = half
    let d = half
    let from = src
    let weight = weights
    for (let row = rows; row > 0; row--, from += rowBytes, weight += 4) {
      const bytes = v128.load(from)
      const w = v128.load32_splat(weight)
      const low = i16x8.extend_low_i8x16_u(bytes)
      const high = i16x8.extend_high_i8x16_u(bytes)
      a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_u(low), w))
      b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_u(low), w))
      c = i32x4.add(c, i32x4.mul(i32x4.extend_low_i16x8_u(high), w))
      d = i32x4.add(d, i32x4.mul(i32x4.extend_high_i16x8_u(high), w))
    }
    const low = i16x8.narrow_i32x4_s(i32x4.shr_s(a, BITS), i32x4.shr_s(b, BITS))
    const high = i16x8.narrow_i32x4_s(i32x4.shr_s(c, BITS), i32x4.shr_s(d, BITS))
    v128.store(dst, i8x16.narrow_i16x8_u(low, high))
  }
}
