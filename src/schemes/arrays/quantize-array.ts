import type { ArrayScheme, QuantizedArray } from '../../model/array-scheme.ts'
import type { Kernels } from '../../model/kernels.ts'
import { encodeWith } from './encode-with.ts'
import { FULL_STORAGE } from './full-storage.ts'
import { encodeByKernels } from './kernel-array.ts'
import { type ArrayOptions, checkOptions } from './options.ts'

/** `encodeWith` for every scheme. With kernels, closed forms are many times faster; the bytes are the same. */
export function encodeArray(
  values: ArrayLike<number>,
  scheme: ArrayScheme,
  options: ArrayOptions = {},
  kernels?: Kernels,
): QuantizedArray {
  if (kernels && values instanceof Float32Array) {
    const { effort, importance, rounding, shape } = checkOptions(scheme, values.length, options)
    const plain = effort === 'closed' && rounding === 'half-even' && !importance && !options.range && !options.grid
    const quantized = plain ? encodeByKernels(values, scheme, shape, kernels) : null
    if (quantized) return quantized
  }
  return encodeWith(FULL_STORAGE, values, scheme, options)
}
