import type { ArrayScheme, QuantizedArray } from '../../model/array-scheme.ts'
import { encodeWith } from './encode-with.ts'
import { FULL_STORAGE } from './full-storage.ts'
import type { ArrayOptions } from './options.ts'

/** `encodeWith` for every scheme. */
export function encodeArray(
  values: ArrayLike<number>,
  scheme: ArrayScheme,
  options: ArrayOptions = {},
): QuantizedArray {
  return encodeWith(FULL_STORAGE, values, scheme, options)
}
