// f16 and bf16, by integer arithmetic on the bits. Twin: src/kernels/reference/half.ts.
import { LAST, TAIL, copyBytes, copyWords, padTail, word } from './memory'

/** How many of four lanes are set. */
@inline function lanes(mask: v128): i32 {
  return popcnt<i32>(i32x4.bitmask(mask))
}

export function f32ToF16(src: usize, dst: usize, count: i32): i32 {
  const absolute = word(1)
  const rebias = word(4)
  const one = word(5)
  const half = word(6)
  const largestTiny = word(7)
  const largest = word(8)
  let overflowed = 0
  for (; count > 0; count -= 8, src += 32, dst += 16) {
    let from = src
    let to = dst
    if (count < 8) {
      padTail(src, count)
      from = TAIL
      to = LAST
    }
    const x = v128.load(from)
    const y = v128.load(from, 16)
    const a = v128.and(x, absolute)
    const b = v128.and(y, absolute)
    // rebias = 0xfff - (112 << 23): exponent moved, half a unit less one added; the odd bit makes it half to even.
    let r = i32x4.shr_u(i32x4.add(i32x4.add(a, rebias), v128.and(i32x4.shr_u(a, 13), one)), 13)
    let s = i32x4.shr_u(i32x4.add(i32x4.add(b, rebias), v128.and(i32x4.shr_u(b, 13), one)), 13)
    // Below 2^-14: a multiple of 2^-24, which addition of 0.5 leaves in the low bits.
    r = v128.bitselect(r, i32x4.sub(f32x4.add(a, half), half), i32x4.gt_s(a, largestTiny))
    s = v128.bitselect(s, i32x4.sub(f32x4.add(b, half), half), i32x4.gt_s(b, largestTiny))
    const bigA = i32x4.gt_s(a, largest)
    const bigB = i32x4.gt_s(b, largest)
    if (v128.any_true(v128.or(bigA, bigB))) {
      const infinity = word(2)
      const halfInfinity = word(9)
      const quiet = word(10)
      r = v128.bitselect(v128.or(halfInfinity, v128.and(i32x4.gt_s(a, infinity), quiet)), r, bigA)
      s = v128.bitselect(v128.or(halfInfinity, v128.and(i32x4.gt_s(b, infinity), quiet)), s, bigB)
      overflowed += lanes(v128.and(bigA, i32x4.gt_s(infinity, a))) + lanes(v128.and(bigB, i32x4.gt_s(infinity, b)))
    }
    r = v128.or(r, i32x4.shr_u(v128.andnot(x, absolute), 16))
    s = v128.or(s, i32x4.shr_u(v128.andnot(y, absolute), 16))
    v128.store(to, i16x8.narrow_i32x4_u(r, s))
    if (count < 8) copyBytes(dst, LAST, count << 1)
  }
  return overflowed
}

/** Low halves of the lanes hold f16 bits. */
@inline function widen(h: v128, magnitude: v128, exponent: v128, power: v128, absolute: v128, infinity: v128): v128 {
  const shifted = i32x4.shl(v128.and(h, magnitude), 13)
  // Read as f32, the bits are the number divided by 2^112, subnormals included.
  const finite = f32x4.mul(shifted, power)
  const special = i32x4.eq(v128.and(h, exponent), exponent)
  const value = v128.bitselect(v128.or(shifted, infinity), finite, special)
  return v128.or(value, i32x4.shl(v128.andnot(h, magnitude), 16))
}

export function f16ToF32(src: usize, dst: usize, count: i32): void {
  const magnitude = word(11)
  const exponent = word(14)
  const power = word(15)
  const absolute = word(1)
  const infinity = word(2)
  for (; count > 0; count -= 8, src += 16, dst += 32) {
    let from = src
    let to = dst
    if (count < 8) {
      copyBytes(LAST, src, count << 1)
      from = LAST
      to = TAIL
    }
    const h = v128.load(from)
    v128.store(to, widen(i32x4.extend_low_i16x8_u(h), magnitude, exponent, power, absolute, infinity))
    v128.store(to, widen(i32x4.extend_high_i16x8_u(h), magnitude, exponent, power, absolute, infinity), 16)
    if (count < 8) copyWords(dst, TAIL, count)
  }
}

export function f32ToBf16(src: usize, dst: usize, count: i32): i32 {
  const absolute = word(1)
  const bias = word(11)
  const one = word(5)
  const largest = word(12)
  let overflowed = 0
  for (; count > 0; count -= 8, src += 32, dst += 16) {
    let from = src
    let to = dst
    if (count < 8) {
      padTail(src, count)
      from = TAIL
      to = LAST
    }
    const x = v128.load(from)
    const y = v128.load(from, 16)
    let r = i32x4.shr_u(i32x4.add(i32x4.add(x, bias), v128.and(i32x4.shr_u(x, 16), one)), 16)
    let s = i32x4.shr_u(i32x4.add(i32x4.add(y, bias), v128.and(i32x4.shr_u(y, 16), one)), 16)
    const a = v128.and(x, absolute)
    const b = v128.and(y, absolute)
    const bigA = i32x4.gt_s(a, largest)
    const bigB = i32x4.gt_s(b, largest)
    if (v128.any_true(v128.or(bigA, bigB))) {
      const infinity = word(2)
      const sign = word(16)
      const quiet = word(13)
      r = v128.bitselect(v128.or(quiet, v128.and(i32x4.shr_u(x, 16), sign)), r, i32x4.gt_s(a, infinity))
      s = v128.bitselect(v128.or(quiet, v128.and(i32x4.shr_u(y, 16), sign)), s, i32x4.gt_s(b, infinity))
      overflowed += lanes(v128.and(bigA, i32x4.gt_s(infinity, a))) + lanes(v128.and(bigB, i32x4.gt_s(infinity, b)))
    }
    v128.store(to, i16x8.narrow_i32x4_u(r, s))
    if (count < 8) copyBytes(dst, LAST, count << 1)
  }
  return overflowed
}

export function bf16ToF32(src: usize, dst: usize, count: i32): void {
  const none = i32x4.splat(0)
  for (; count >= 8; count -= 8, src += 16, dst += 32) {
    const v = v128.load(src)
    v128.store(dst, v128.shuffle<i16>(none, v, 0, 8, 1, 9, 2, 10, 3, 11))
    v128.store(dst, v128.shuffle<i16>(none, v, 4, 12, 5, 13, 6, 14, 7, 15), 16)
  }
  for (; count > 0; count--, src += 2, dst += 4) i32.store(dst, i32.load16_u(src) << 16)
}
