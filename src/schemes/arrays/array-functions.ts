import { TersorError } from '../../errors.ts'
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
  const functions = functionsWith(WAYS, families, didYouMean)
  return {
    ...functions,
    quantizeArray: (values, options) => functions.quantizeArray(numbersIn(values), options ?? {}),
  }
}

/** Callers without types pass buffers and big integers, too. */
function numbersIn(values: unknown): ArrayLike<number> {
  const found = values as { readonly length?: unknown; readonly 0?: unknown } | null | undefined
  if (typeof found?.length === 'number' && typeof found !== 'string' && typeof (found[0] ?? 0) === 'number') {
    return found as ArrayLike<number>
  }
  const kind = found === null || found === undefined ? String(found) : (Object(found).constructor?.name ?? typeof found)
  throw new TersorError('E_USAGE', `expected an array of numbers, found ${kind}`, {
    hint: 'a buffer becomes one by new Float32Array(buffer)',
  })
}
