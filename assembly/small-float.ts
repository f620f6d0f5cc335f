// Floats of eight bits and less, by arithmetic on the bits of f32. Twin: src/kernels/reference/small-float.ts.
import { INVERSES, LAST, TAIL, copyBytes, least, padTail, pin, word } from './memory'
import { invertScales } from './levels'

// Per format: least normal number, largest number, bits of fraction, sign bit, 1 if 0 has a sign. Order: SmallFloatFormat of src/model/kernels.ts.
const FORMATS: usize = memory.data<f32>([
  0.015625, 448, 3, 128, 1, // e4m3fn
  0.0078125, 240, 3, 128, 0, // e4m3fnuz
  0.0009765625, 30, 3, 128, 0, // e4m3b11fnuz
  1, 7.5, 3, 32, 1, // e2m3
  0.00006103515625, 57344, 2, 128, 1, // e5m2
  0.000030517578125, 57344, 2, 128, 0, // e5m2fnuz
  0.25, 28, 2, 32, 1, // e3m2
], 16)

/** Codes of four values, any magnitude. Adding 2^(23 - bits) times the power of two below a value rounds it to the steps of its binade,
 * half to even, and leaves their number in the low bits. */
@inline function anyCodes(bits: i32, x: v128, inverse: v128, least4: v128, most: v128): v128 {
  const lift = i32x4.splat((23 - bits) << 23)
  const a = i32x4.min_s(v128.and(f32x4.mul(x, inverse), i32x4.splat(0x7fffffff)), most)
  const r = i32x4.add(v128.and(i32x4.max_s(a, least4), i32x4.splat(0x7f800000)), lift)
  const steps = i32x4.sub(f32x4.add(a, r), r)
  return i32x4.add(steps, i32x4.shr_u(i32x4.sub(r, i32x4.add(least4, lift)), 23 - bits))
}

/** Bits of a float, sign included, rounded half to even after `bits` bits of fraction. */
@inline function rounded(bits: i32, t: v128, below: v128, one: v128): v128 {
  return i32x4.shr_u(i32x4.add(i32x4.add(t, below), v128.and(i32x4.shr_u(t, 23 - bits), one)), 23 - bits)
}

/** One byte a code, with `bits` bits of fraction (3 or 2). */
@inline function encodeAs(bits: i32, format: usize, signedZero: i32, p: usize, count: i32, block: i32, first: i32, scales: usize, dst: usize): void {
  const smallest = i32.load(format)
  const largest = i32.load(format, 4)
  // Exponent and fraction of a rounded float, less this, are the code.
  const origin = (smallest >> (23 - bits)) - (1 << bits)
  const below = pin(i32x4.splat((1 << (22 - bits)) - 1), 0)
  const one = word(5)
  const magnitudes: i32 = (1 << (8 + bits)) - 1
  const magnitude = pin(i16x8.splat(<i16>magnitudes), 1)
  const top = pin(i16x8.splat(<i16>(largest >> (23 - bits))), 2)
  const bottom = pin(i16x8.splat(<i16>(smallest >> (23 - bits))), 3)
  const zero = pin(i16x8.splat(<i16>origin), 4)
  const sign = pin(i16x8.splat(<i16><i32>f32.load(format, 12)), 5)
  const shift = f32.load(format, 12) == 32 ? 3 + bits : 1 + bits
  const unsigned = pin(i8x16.splat(signedZero && f32.load(format, 16) != 0 ? -1 : 0), 6)
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
        const a = i16x8.narrow_i32x4_s(
          rounded(bits, f32x4.mul(v128.load(from), inverse), below, one),
          rounded(bits, f32x4.mul(v128.load(from, 16), inverse), below, one),
        )
        const b = i16x8.narrow_i32x4_s(
          rounded(bits, f32x4.mul(v128.load(from, 32), inverse), below, one),
          rounded(bits, f32x4.mul(v128.load(from, 48), inverse), below, one),
        )
        const c = i16x8.min_s(v128.and(a, magnitude), top)
        const d = i16x8.min_s(v128.and(b, magnitude), top)
        let codes = i8x16.narrow_i16x8_u(i16x8.sub(c, zero), i16x8.sub(d, zero))
        const signs = i8x16.narrow_i16x8_u(v128.and(i16x8.shr_u(a, shift), sign), v128.and(i16x8.shr_u(b, shift), sign))
        if (v128.any_true(v128.or(i16x8.lt_s(c, bottom), i16x8.lt_s(d, bottom)))) {
          const least4 = v128.load32_splat(format)
          const most = v128.load32_splat(format + 4)
          codes = i8x16.narrow_i16x8_u(
            i16x8.narrow_i32x4_s(
              anyCodes(bits, v128.load(from), inverse, least4, most),
              anyCodes(bits, v128.load(from, 16), inverse, least4, most),
            ),
            i16x8.narrow_i32x4_s(
              anyCodes(bits, v128.load(from, 32), inverse, least4, most),
              anyCodes(bits, v128.load(from, 48), inverse, least4, most),
            ),
          )
        }
        const whole = v128.or(codes, v128.and(signs, i8x16.gt_s(codes, unsigned)))
        v128.store(to, whole)
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

function encodeThree(format: usize, signedZero: i32, p: usize, count: i32, block: i32, first: i32, scales: usize, dst: usize): void {
  encodeAs(3, format, signedZero, p, count, block, first, scales, dst)
}

function encodeTwo(format: usize, signedZero: i32, p: usize, count: i32, block: i32, first: i32, scales: usize, dst: usize): void {
  encodeAs(2, format, signedZero, p, count, block, first, scales, dst)
}

export function encodeFloats(p: usize, count: i32, block: i32, first: i32, format: i32, signedZero: i32, scales: usize, dst: usize): void {
  const at = FORMATS + <usize>format * 20
  if (f32.load(at, 8) == 3) encodeThree(at, signedZero, p, count, block, first, scales, dst)
  else encodeTwo(at, signedZero, p, count, block, first, scales, dst)
}
