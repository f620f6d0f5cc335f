/**
 * Half-precision schemes (f16, bf16): every weight rounded to a 16-bit float.
 *
 *   value = float(code)      code: 16 bits of IEEE binary16 or of the upper half of an f32      16 bits per weight
 *
 * Rounded half to even, subnormals included; overflow is counted, not clamped. IEEE 754-2019; bfloat16 as in ml_dtypes.
 */

import type { Kernels } from '../model/kernels.ts'
import { aligned, CALL_ELEMENTS } from '../numbers/tiles.ts'

export interface HalfTensor {
  readonly dtype: 'f16' | 'bf16'
  readonly codes: Uint16Array
  /** Finite values that became infinite. */
  readonly overflowed: number
}

export function encodeHalf(values: Float32Array, dtype: 'f16' | 'bf16', kernels: Kernels): HalfTensor {
  const codes = new Uint16Array(values.length)
  const most = Math.min(CALL_ELEMENTS, values.length)
  const source = kernels.reserve(aligned(4 * most) + aligned(2 * most))
  const target = source + aligned(4 * most)
  const floats = new Float32Array(kernels.memory)
  const words = new Uint16Array(kernels.memory)
  let overflowed = 0
  for (let start = 0; start < values.length; start += most) {
    const count = Math.min(most, values.length - start)
    floats.set(values.subarray(start, start + count), source / 4)
    overflowed += dtype === 'f16' ? kernels.f32ToF16(source, target, count) : kernels.f32ToBf16(source, target, count)
    codes.set(words.subarray(target / 2, target / 2 + count), start)
  }
  return { dtype, codes, overflowed }
}

export function decodeHalf(codes: Uint16Array, dtype: 'f16' | 'bf16', kernels: Kernels): Float32Array {
  const values = new Float32Array(codes.length)
  const most = Math.min(CALL_ELEMENTS, codes.length)
  const source = kernels.reserve(aligned(2 * most) + aligned(4 * most))
  const target = source + aligned(2 * most)
  const floats = new Float32Array(kernels.memory)
  const words = new Uint16Array(kernels.memory)
  for (let start = 0; start < codes.length; start += most) {
    const count = Math.min(most, codes.length - start)
    words.set(codes.subarray(start, start + count), source / 2)
    if (dtype === 'f16') kernels.f16ToF32(source, target, count)
    else kernels.bf16ToF32(source, target, count)
    values.set(floats.subarray(target / 4, target / 4 + count), start)
  }
  return values
}

/** Largest |x - decode(encode(x))| for |x| <= `magnitude`, both finite: half a unit in the last place, at least half the least subnormal. */
export function halfErrorBound(dtype: 'f16' | 'bf16', magnitude: number): number {
  return dtype === 'f16' ? Math.max(magnitude / 2048, 2.9802322387695312e-8) : Math.max(magnitude / 256, 4.6e-41)
}
