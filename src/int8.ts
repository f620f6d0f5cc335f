/**
 * `quantizeArray` and `dequantizeArray` for 8 bits in their closed forms: int8, uint8 and `{ bits: 8 }`, with f32 scales. The same
 * functions and bytes as those of `tersor`, in a few kilobytes.
 */
import { roundScaleF32 } from './schemes/arrays/bounded-scale.ts'
import { BYTE_STORAGE } from './schemes/arrays/byte-storage.ts'
import { decodeWith } from './schemes/arrays/decode-with.ts'
import { encodeWith } from './schemes/arrays/encode-with.ts'
import { functionsWith } from './schemes/arrays/functions-with.ts'
import { integerFamily } from './schemes/arrays/integer-family.ts'
import { CLOSED_FORMS } from './schemes/arrays/integer-fitting.ts'

export { type ErrorCode, TersorError } from './errors.ts'
export type { QuantizedArray } from './model/array-scheme.ts'
export type { QuantizeArrayOptions } from './schemes/arrays/functions-with.ts'

const BYTES = integerFamily(CLOSED_FORMS, { f32: roundScaleF32 }, /^(u?int)(8)$|^levels(256)$/, [
  'int8-tensor',
  'int8-row',
  'uint8-row',
])

export const { arrayScheme, dequantizeArray, quantizeArray } = functionsWith(
  {
    encode: (values, scheme, options) => encodeWith(BYTE_STORAGE, values, scheme, options),
    decode: (quantized, scheme) => decodeWith(BYTE_STORAGE, quantized, scheme),
  },
  [BYTES],
)
