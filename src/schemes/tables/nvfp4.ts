/**
 * nvfp4: blocks of 16 four-bit floats under an e4m3fn scale, those under one f32 scale of the array.
 *
 *   value = tensorScale * scale * e2m1(code)      code: sign, exponent (2), fraction (1)
 *   4.5 bits per weight
 *
 * NVIDIA Blackwell. tensorScale = absmax / (6 * 448); closed form: scale = e4m3fn(block absmax / 6 / tensorScale); exact: the
 * best of all 126 scales.
 */
import type { Codec } from '../../model/array-scheme.ts'
import { scaledFloatCodec } from './scaled-float.ts'

export const NVFP4_BLOCK = 16

export function nvfp4Codec(): Codec {
  return scaledFloatCodec('e2m1', { scale: 'e4m3fn' })
}
