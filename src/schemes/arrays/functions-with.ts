import { TersorError } from '../../errors.ts'
import type { ArrayScheme, QuantizedArray } from '../../model/array-scheme.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { Family } from './families.ts'
import type { ArrayOptions } from './options.ts'
import { type NearNames, parseArrayScheme } from './scheme-grammar.ts'

export interface QuantizeArrayOptions extends ArrayOptions {
  /** A scheme id such as "int8-row" or "nf4-block64", or a scheme. */
  readonly scheme?: string | ArrayScheme
  /** Without a scheme: evenly spaced levels from the least to the largest value, 2^bits of them; 1 to 16. */
  readonly bits?: number
  /** The same by count, 2 to 65536. With `bits` too, it must be 2^bits. */
  readonly levels?: number
  /** From `createKernels()`: closed forms many times faster, the bytes are the same. */
  readonly kernels?: Kernels
}

export interface DequantizeArrayOptions {
  /** As in `quantizeArray`. */
  readonly kernels?: Kernels
}

export interface ArrayFunctions {
  /**
   * Codes and parameters of an array of finite numbers (row-major; doubles are rounded to f32 first). Throws E_USAGE for options
   * that do not fit, E_NONFINITE with the index of the first value that is not finite.
   */
  quantizeArray(values: ArrayLike<number>, options: QuantizeArrayOptions): QuantizedArray
  /** Values of a quantized array. Throws E_FORMAT when its parts do not fit its shape and scheme. */
  dequantizeArray(quantized: QuantizedArray, options?: DequantizeArrayOptions): Float32Array
  /** The scheme of an id, in its one spelling. Throws E_USAGE with near names. */
  arrayScheme(id: string): ArrayScheme
}

/** How arrays are encoded and decoded: with which types of parameters, with kernels or without. */
export interface ArrayWays {
  encode(values: ArrayLike<number>, scheme: ArrayScheme, options: QuantizeArrayOptions): QuantizedArray
  decode(quantized: QuantizedArray, scheme: ArrayScheme, options: DequantizeArrayOptions): Float32Array
}

/** The functions over some families of codes. What is not named is not in the bundle. */
export function functionsWith(ways: ArrayWays, families: readonly Family[], near?: NearNames): ArrayFunctions {
  const arrayScheme = (id: string): ArrayScheme => parseArrayScheme(id, families, near)
  return {
    arrayScheme,
    quantizeArray(values, options = {}) {
      const { scheme } = options
      const chosen = typeof scheme === 'object' ? scheme : arrayScheme(idOf(options))
      return ways.encode(values, chosen, options)
    },
    dequantizeArray(quantized, options = {}) {
      const { scheme, shape, codes, parameters } = quantized ?? {}
      if (typeof scheme !== 'string' || !shape || !codes || !parameters) {
        throw new TersorError('E_FORMAT', 'expected a quantized array: scheme, shape, codes, parameters')
      }
      return ways.decode(quantized, arrayScheme(scheme), options)
    },
  }
}

function idOf({ scheme, bits, levels }: QuantizeArrayOptions): string {
  if (typeof scheme === 'string') {
    if (bits !== undefined || levels !== undefined) {
      throw new TersorError('E_USAGE', `expected "${scheme}" or bits or levels, found both`)
    }
    return scheme
  }
  if (bits === undefined && levels === undefined) {
    throw new TersorError('E_USAGE', 'expected a scheme, bits or levels, found none', {
      hint: 'for example { bits: 8 }',
    })
  }
  if (bits !== undefined && !(Number.isInteger(bits) && bits >= 1 && bits <= 16)) {
    throw new TersorError('E_USAGE', `expected bits from 1 to 16, found ${bits}`)
  }
  const count = levels ?? 2 ** (bits as number)
  if (!(Number.isInteger(count) && count >= 2 && count <= 65536)) {
    throw new TersorError('E_USAGE', `expected 2 to 65536 levels, found ${levels}`)
  }
  if (bits !== undefined && count !== 2 ** bits) {
    throw new TersorError('E_USAGE', `${bits} bits have ${2 ** bits} levels, found ${levels}`)
  }
  return `levels${count}-tensor-offset`
}
