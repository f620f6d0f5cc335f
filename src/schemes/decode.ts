import type { Kernels } from '../model/kernels.ts'
import type { IntegerSpec } from '../model/packing.ts'
import type { QuantizedTensor } from '../model/scheme.ts'
import { decodeIntegers } from './integer.ts'
import { decodeLevels } from './levels.ts'

/** Values of a quantized tensor, in source order. Throws E_PLAN when its arrays do not fit its view. */
export function decode(tensor: QuantizedTensor, kernels: Kernels): Float32Array {
  return decodeLevels(tensor) ?? decodeIntegers(tensor as QuantizedTensor<IntegerSpec>, kernels)
}
