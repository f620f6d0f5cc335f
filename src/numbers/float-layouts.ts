/**
 * Binary floats by layout: sign, exponent, fraction (widths in bits), bias of the exponent.
 *
 * 1.  f16       1 5 10, bias 15;  IEEE 754 binary16
 * 2.  bf16      1 8 7,  bias 127; upper half of an f32
 * 3.  tf32      1 8 10, bias 127; upper 19 bits of an f32
 * 4.  e4m3fn    1 4 3,  bias 7;   no infinity, NaN is all ones (0x7f, 0xff)
 * 5.  e4m3fnuz  1 4 3,  bias 8;   no infinity, no negative zero, NaN is 0x80
 * 6.  e4m3b11   1 4 3,  bias 11;  likewise (ml_dtypes: float8_e4m3b11fnuz)
 * 7.  e5m2      1 5 2,  bias 15;  infinity and NaN as IEEE 754 has them
 * 8.  e5m2fnuz  1 5 2,  bias 16;  no infinity, no negative zero, NaN is 0x80
 * 9.  e8m0      0 8 0,  bias 127; 2^(code - 127), no zero, NaN is 0xff
 * 10. e2m3      1 2 3,  bias 1;   no infinity, no NaN
 * 11. e3m2      1 3 2,  bias 3;   no infinity, no NaN
 * 12. e2m1      1 2 1,  bias 1;   no infinity, no NaN
 *
 * IEEE 754-2019; OCP 8-bit Floating Point 1.0; OCP Microscaling Formats 1.0; ONNX "Float stored in 8 bits"; ml_dtypes.
 */
export type FloatName = HalfName | SmallFloat

/** Floats of more than 8 bits. */
export type HalfName = 'f16' | 'bf16' | 'tf32'

/** Floats of 8 bits and less. */
export type SmallFloat = 'e4m3fn' | 'e4m3fnuz' | 'e4m3b11' | 'e5m2' | 'e5m2fnuz' | 'e8m0' | 'e2m3' | 'e3m2' | 'e2m1'

export interface FloatLayout {
  /** Width of a code. */
  readonly bits: number
  readonly fraction: number
  /** Exponent of the least normal value (e8m0: of code 0). */
  readonly least: number
  readonly signed: boolean
  readonly negativeZero: boolean
  /** Code of the largest finite value. */
  readonly largest: number
  /** Code of positive infinity; -1: there is none. */
  readonly infinity: number
  /** Code of NaN, that of a positive sign; -1: there is none. */
  readonly nan: number
}

type Specials = Pick<FloatLayout, 'signed' | 'negativeZero' | 'largest' | 'infinity' | 'nan'>

function layout(bits: number, fraction: number, bias: number, specials: Specials): FloatLayout {
  return { bits, fraction, least: specials.signed ? 1 - bias : -bias, ...specials }
}

/** The top exponent is kept for infinity and NaN; the quiet NaN has the first fraction bit. */
function ieee(bits: number, fraction: number, bias: number): FloatLayout {
  const infinity = 2 ** (bits - 1) - 2 ** fraction
  const nan = infinity + 2 ** (fraction - 1)
  return layout(bits, fraction, bias, { signed: true, negativeZero: true, largest: infinity - 1, infinity, nan })
}

/** "Finite, unsigned zero": what would be negative zero is NaN. */
function fnuz(fraction: number, bias: number): FloatLayout {
  return layout(8, fraction, bias, { signed: true, negativeZero: false, largest: 127, infinity: -1, nan: 128 })
}

/** Every code is a number. */
function finite(bits: number, fraction: number, bias: number): FloatLayout {
  const largest = 2 ** (bits - 1) - 1
  return layout(bits, fraction, bias, { signed: true, negativeZero: true, largest, infinity: -1, nan: -1 })
}

export const FLOAT_LAYOUTS: Readonly<Record<FloatName, FloatLayout>> = {
  f16: ieee(16, 10, 15),
  bf16: ieee(16, 7, 127),
  tf32: ieee(19, 10, 127),
  e4m3fn: layout(8, 3, 7, { signed: true, negativeZero: true, largest: 0x7e, infinity: -1, nan: 0x7f }),
  e4m3fnuz: fnuz(3, 8),
  e4m3b11: fnuz(3, 11),
  e5m2: ieee(8, 2, 15),
  e5m2fnuz: fnuz(2, 16),
  e8m0: layout(8, 0, 127, { signed: false, negativeZero: false, largest: 0xfe, infinity: -1, nan: 0xff }),
  e2m3: finite(6, 3, 1),
  e3m2: finite(6, 2, 3),
  e2m1: finite(4, 1, 1),
}
