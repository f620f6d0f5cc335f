import type { ArrayScheme, QuantizedArray } from '../../model/array-scheme.ts'
import type { Kernels } from '../../model/kernels.ts'
import { decodeWith } from './decode-with.ts'
import { FULL_STORAGE } from './full-storage.ts'
import { decodeByKernels } from './kernel-array.ts'

/** `decodeWith` for every scheme; faster with kernels, the values are the same. */
export function decodeArray(quantized: QuantizedArray, scheme: ArrayScheme, kernels?: Kernels): Float32Array {
  const values = kernels && decodeByKernels(quantized, scheme, kernels)
  return values ?? decodeWith(FULL_STORAGE, quantized, scheme)
}
