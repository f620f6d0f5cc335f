/**
 * f16, bf16, e4m3fn, e4m3fnuz, e4m3b11, e5m2, e5m2fnuz, e2m3, e3m2, e2m1: every value a small float by itself.
 *
 *   value = float(code)      code: sign, exponent, fraction
 *   16, 8, 6 or 4 bits per weight, no scale
 *
 * Formats as in src/numbers/float-layouts.ts. tf32 has 19 bits, more than a code: tf32.ts. e8m0 has no zero: scales only.
 */
import type { Codec } from '../../model/array-scheme.ts'
import { FLOAT_LAYOUTS } from '../../numbers/float-layouts.ts'
import { type CodedFloat, decodeSmallFloats, encodeSmallFloats } from '../../numbers/small-float-arrays.ts'
import { decodeSmallFloat, encodeSmallFloat, type Overflow } from '../../numbers/small-floats.ts'

export type CastFloat = Exclude<CodedFloat, 'e8m0'>

/** `overflow`: what becomes of values beyond the largest finite one. Default: that one. */
export function castCodec(dtype: CastFloat, { overflow = 'saturate' }: { readonly overflow?: Overflow } = {}): Codec {
  const { bits } = FLOAT_LAYOUTS[dtype]
  return {
    levels: 2 ** bits,
    packing: 'bits',
    vector: 1,
    even: true,
    exactZero: true,
    parameters: [],
    shared: [],
    effort: 'closed',
    efforts: ['closed'],
    encode({ values, rounding, seed, first }, codes) {
      encodeSmallFloats(values, dtype, codes, { rounding, overflow, seed, index: first })
    },
    decode(codes, _, __, values) {
      decodeSmallFloats(codes, dtype, values)
    },
    errorBound(_, __, low, high) {
      const above = high > 0 ? castErrorBound(dtype, overflow, Math.max(low, 0), high) : 0
      const below = low < 0 ? castErrorBound(dtype, overflow, Math.max(-high, 0), -low) : 0
      return Math.max(above, below)
    },
  }
}

/**
 * For magnitudes in [low, high]: the error at both ends, and half the step at the last midpoint between them, since steps grow with
 * the magnitude. Infinity or NaN for a finite value: Infinity.
 */
function castErrorBound(dtype: CastFloat, overflow: Overflow, low: number, high: number): number {
  const { largest } = FLOAT_LAYOUTS[dtype]
  const float = (code: number) => decodeSmallFloat(code, dtype)
  const errorAt = (value: number) => {
    const error = Math.abs(value - float(encodeSmallFloat(value, dtype, { overflow })))
    return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error
  }
  let bound = Math.max(errorAt(low), errorAt(high))
  const below = encodeSmallFloat(high, dtype, { rounding: 'truncate', overflow: 'saturate' })
  for (const code of [below, below - 1]) {
    if (code < 0 || code >= largest) continue
    const middle = (float(code) + float(code + 1)) / 2
    if (middle < low || middle > high) continue
    bound = Math.max(bound, middle - float(code))
    break
  }
  return bound
}
