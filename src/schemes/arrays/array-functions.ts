import { didYouMean } from '../../near-names.ts'
import { decodeArray } from './dequantize-array.ts'
import type { Family } from './families.ts'
import { type ArrayFunctions, type ArrayWays, functionsWith } from './functions-with.ts'
import { encodeArray } from './quantize-array.ts'

export type { ArrayFunctions, DequantizeArrayOptions, QuantizeArrayOptions } from './functions-with.ts'

const WAYS: ArrayWays = {
  encode: (values, scheme, options) => encodeArray(values, scheme, options, options.kernels),
  decode: (quantized, scheme, { kernels }) => decodeArray(quantized, scheme, kernels),
}

/** The functions over some families of codes. */
export function arrayFunctions(families: readonly Family[]): ArrayFunctions {
  return functionsWith(WAYS, families, didYouMean)
}
