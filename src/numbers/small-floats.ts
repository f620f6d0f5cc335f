import type { DType } from '../model/dtype.ts'

/**
 * Floats of 8 bits and less, by code: sign, exponent, fraction.
 *
 * 1. e4m3fn    1 4 3, bias 7; no infinity, NaN is all ones (0x7f, 0xff)
 * 2. e4m3fnuz  1 4 3, bias 8; no infinity, no negative zero, NaN is 0x80
 * 3. e5m2      1 5 2, bias 15; infinity and NaN as IEEE 754 has them
 * 4. e5m2fnuz  1 5 2, bias 16; no infinity, no negative zero, NaN is 0x80
 * 5. e8m0      0 8 0, bias 127; 2^(code - 127), NaN is 0xff
 * 6. e2m1      1 2 1, bias 1; no infinity, no NaN
 *
 * ONNX "Float stored in 8 bits"; OCP Microscaling Formats 1.0.
 */
export type SmallFloat = Extract<DType, 'e4m3fn' | 'e4m3fnuz' | 'e5m2' | 'e5m2fnuz' | 'e8m0' | 'e2m1'>

interface Layout {
  readonly exponent: number
  readonly fraction: number
  readonly bias: number
}

const LAYOUTS: Readonly<Record<SmallFloat, Layout>> = {
  e4m3fn: { exponent: 4, fraction: 3, bias: 7 },
  e4m3fnuz: { exponent: 4, fraction: 3, bias: 8 },
  e5m2: { exponent: 5, fraction: 2, bias: 15 },
  e5m2fnuz: { exponent: 5, fraction: 2, bias: 16 },
  e8m0: { exponent: 8, fraction: 0, bias: 127 },
  e2m1: { exponent: 2, fraction: 1, bias: 1 },
}

/** The value of every code: 256 of them, 16 for e2m1. */
export function smallFloatValues(dtype: SmallFloat): Float32Array {
  return Float32Array.from({ length: dtype === 'e2m1' ? 16 : 256 }, (_, code) => decodeSmallFloat(code, dtype))
}

export function decodeSmallFloat(code: number, dtype: SmallFloat): number {
  const { exponent: width, fraction: bits, bias } = LAYOUTS[dtype]
  const fraction = code % 2 ** bits
  const exponent = ((code - fraction) / 2 ** bits) % 2 ** width
  if (dtype === 'e8m0') return code === 255 ? Number.NaN : powerOfTwo(code - bias)
  const negative = code >= 2 ** (bits + width)
  if (dtype.endsWith('fnuz') && code === 128) return Number.NaN
  if (dtype === 'e4m3fn' && exponent === 15 && fraction === 7) return Number.NaN
  if (dtype === 'e5m2' && exponent === 31) {
    if (fraction > 0) return Number.NaN
    return negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }
  // Subnormals share the exponent of the least normal numbers and have no hidden one.
  const mantissa = exponent === 0 ? fraction : fraction + 2 ** bits
  const value = mantissa * powerOfTwo(Math.max(exponent, 1) - bias - bits)
  return negative ? -value : value
}

/** Exact for any exponent a double holds. */
function powerOfTwo(exponent: number): number {
  let value = 1
  for (let step = 0; step < Math.abs(exponent); step++) value *= exponent < 0 ? 0.5 : 2
  return value
}
