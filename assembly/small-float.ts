// Floats of eight bits and less, by arithmetic on the bits of f32. Twin: src/kernels/reference/small-float.ts.
import { INVERSES, LAST, TAIL, copyBytes, least, padTail, pin } from './memory'
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

/**
 * One byte a code: `bits` bits of fraction (3 or 2). Adding 2^(23 - bits) times the power of two below a value rounds it to the steps of
 * its binade, half to even, and leaves their number in the low bits.
 */
@inline function encodeAs(bits: i32, format: usize, signedZero: i32, p: usize, count: i32, block: i32, first: i32, scales: usize, dst: usize): void {
  const smallest = i32.load(format)
  const least4 = pin(i32x4.splat(smallest), 0)
  const most = v128.load32_splat(format + 4)
  const exponent = pin(i32x4.splat(0x7f800000), 1)
  const lift = pin(i32x4.splat((23 - bits) << 23), 2)
  const origin = pin(i32x4.splat((smallest + ((23 - bits) << 23)) >> (23 - bits)), 3)
  const sign = pin(i8x16.splat(<i8><i32>f32.load(format, 12)), 4)
  const unsigned = pin(i8x16.splat(signedZero && f32.load(format, 16) != 0 ? -1 : 0), 5)
  const absolute = pin(i32x4.splat(0x7fffffff), 6)
  const none = i32x4.splat(0)
  let at: usize = 256
  for (let left = first; count > 0; left = block, scales += 4, at += 4) {
    if (at == 256) {
      invertScales(scales, least(64, (count - least(left, count) + block - 1) / block + 1))
      at = 0
    }
    const inverse = v128.load32_splat(INVERSES + at)
    const run = least(left, count)
    count -= run
    for (let rest = run; rest > 0; rest -= 16) {
      const from = rest < 16 ? TAIL : p
      if (rest < 16) padTail(p, rest)
      const t0 = f32x4.mul(v128.load(from), inverse)
      const t1 = f32x4.mul(v128.load(from, 16), inverse)
      const t2 = f32x4.mul(v128.load(from, 32), inverse)
      const t3 = f32x4.mul(v128.load(from, 48), inverse)
      const a0 = i32x4.min_s(v128.and(t0, absolute), most)
      const a1 = i32x4.min_s(v128.and(t1, absolute), most)
      const a2 = i32x4.min_s(v128.and(t2, absolute), most)
      const a3 = i32x4.min_s(v128.and(t3, absolute), most)
      const r0 = i32x4.add(v128.and(i32x4.max_s(a0, least4), exponent), lift)
      const r1 = i32x4.add(v128.and(i32x4.max_s(a1, least4), exponent), lift)
      const r2 = i32x4.add(v128.and(i32x4.max_s(a2, least4), exponent), lift)
      const r3 = i32x4.add(v128.and(i32x4.max_s(a3, least4), exponent), lift)
      const c0 = i32x4.add(i32x4.sub(f32x4.add(a0, r0), r0), i32x4.sub(i32x4.shr_u(r0, 23 - bits), origin))
      const c1 = i32x4.add(i32x4.sub(f32x4.add(a1, r1), r1), i32x4.sub(i32x4.shr_u(r1, 23 - bits), origin))
      const c2 = i32x4.add(i32x4.sub(f32x4.add(a2, r2), r2), i32x4.sub(i32x4.shr_u(r2, 23 - bits), origin))
      const c3 = i32x4.add(i32x4.sub(f32x4.add(a3, r3), r3), i32x4.sub(i32x4.shr_u(r3, 23 - bits), origin))
      const codes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(c0, c1), i16x8.narrow_i32x4_s(c2, c3))
      const signs = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(t0, t1), i16x8.narrow_i32x4_s(t2, t3))
      const negative = v128.and(i8x16.lt_s(signs, none), i8x16.gt_s(codes, unsigned))
      const whole = v128.or(codes, v128.and(negative, sign))
      if (rest < 16) {
        v128.store(LAST, whole)
        copyBytes(dst, LAST, rest)
        p += <usize>rest << 2
        dst += rest
      } else {
        v128.store(dst, whole)
        p += 64
        dst += 16
      }
    }
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
