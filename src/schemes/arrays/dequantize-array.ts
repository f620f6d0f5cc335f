import type { ArrayScheme, QuantizedArray } from '../../model/array-scheme.ts'
import { decodeWith } from './decode-with.ts'
import { FULL_STORAGE } from './full-storage.ts'

/** `decodeWith` for every scheme. */
export function decodeArray(quantized: QuantizedArray, scheme: ArrayScheme): Float32Array {
  return decodeWith(FULL_STORAGE, quantized, scheme)
}
