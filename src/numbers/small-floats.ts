import { TersorError } from '../errors.ts'
import { FLOAT_LAYOUTS, type FloatLayout, type FloatName, type SmallFloat } from './float-layouts.ts'
import { powerOfTwo } from './power-of-two.ts'
import { type RoundingMode, roundHalfAway, roundHalfEven, uniform } from './rounding.ts'

export type { FloatName, HalfName, SmallFloat } from './float-layouts.ts'

/**
 * What becomes of a magnitude that rounds to more than the largest finite one (the exponent taken as unbounded), and of
 * infinity: the largest finite value, infinity, or NaN.
 */
export type Overflow = 'saturate' | 'infinity' | 'nan'

export interface FloatRounding {
  /** Default: half-even. `truncate`: toward zero; `floor`: toward minus infinity. */
  readonly rounding?: RoundingMode | 'stochastic'
  /** Default: `overflowOf(dtype)`, the rule of ml_dtypes. */
  readonly overflow?: Overflow
  /** Stochastic rounding draws from (seed, index); both 0 unless given. */
  readonly seed?: number
  readonly index?: number
}

const NEAREST: FloatRounding = {}

/** Word of infinity as f32. */
const INFINITE = 0x7f800000

const floats = new Float32Array(1)
const words = new Uint32Array(floats.buffer)

/** How ml_dtypes treats overflow: infinity where there is one, else NaN, else the largest finite value. */
export function overflowOf(dtype: FloatName): Overflow {
  const { infinity, nan } = FLOAT_LAYOUTS[dtype]
  if (infinity >= 0) return 'infinity'
  return nan >= 0 ? 'nan' : 'saturate'
}

/** The value of every code: 2^bits of them. */
export function smallFloatValues(dtype: SmallFloat): Float32Array {
  return Float32Array.from({ length: 2 ** FLOAT_LAYOUTS[dtype].bits }, (_, code) => decodeSmallFloat(code, dtype))
}

/** Largest finite value. */
export function largestFloat(dtype: FloatName): number {
  return decodeSmallFloat(FLOAT_LAYOUTS[dtype].largest, dtype)
}

/** Value of one code, exactly. Bits above the format's are ignored. */
export function decodeSmallFloat(code: number, dtype: FloatName): number {
  const format = FLOAT_LAYOUTS[dtype]
  const signBit = format.signed ? 1 << (format.bits - 1) : 1 << format.bits
  const magnitude = code & (signBit - 1)
  const negative = format.signed && (code & signBit) !== 0
  if (negative && magnitude === 0 && !format.negativeZero) return Number.NaN
  if (magnitude > format.largest) {
    if (magnitude !== format.infinity) return Number.NaN
    return negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }
  if (!format.signed) return powerOfTwo(magnitude + format.least)
  const fraction = magnitude & ((1 << format.fraction) - 1)
  const exponent = magnitude >> format.fraction
  // Subnormals share the exponent of the least normal numbers and have no hidden one.
  const significand = exponent === 0 ? fraction : fraction + (1 << format.fraction)
  const value = significand * powerOfTwo(Math.max(exponent, 1) - 1 + format.least - format.fraction)
  return negative ? -value : value
}

/**
 * Code of one value, which is taken as f32 first (half to even), whatever the rounding that follows: a double within half
 * an ulp of f32 of a tie counts as that tie. `encodeF16`, `encodeBf16` and ml_dtypes do the same.
 *
 * NaN: the NaN of its sign; where there is none, the zero of the other sign, as in ml_dtypes. e8m0 has neither zero nor
 * negative values: both are NaN, and whatever lies between 0 and its least value, 2^-127, becomes that one.
 *
 * Throws E_USAGE when `overflow` asks for infinity or NaN of a format without one.
 */
export function encodeSmallFloat(value: number, dtype: FloatName, options: FloatRounding = NEAREST): number {
  const format = FLOAT_LAYOUTS[dtype]
  const overflow = options.overflow ?? overflowOf(dtype)
  if ((overflow === 'infinity' && format.infinity < 0) || (overflow === 'nan' && format.nan < 0)) {
    throw new TersorError('E_USAGE', `expected an overflow rule that ${dtype} can follow, found "${overflow}"`)
  }
  floats[0] = value
  const word = words[0]!
  const negative = word >>> 31 === 1
  const sign = negative && format.signed ? 2 ** (format.bits - 1) : 0
  if (Number.isNaN(value)) return format.nan < 0 ? 2 ** (format.bits - 1) - sign : withSign(format.nan, sign, format)
  const magnitude = word & 0x7fffffff
  if (!format.signed && (negative || magnitude === 0)) return format.nan
  const code = magnitude >= INFINITE ? Number.POSITIVE_INFINITY : magnitudeCode(magnitude, format, negative, options)
  if (code <= format.largest) return code === 0 && !format.negativeZero ? 0 : code + sign
  if (overflow === 'saturate') return format.largest + sign
  return overflow === 'infinity' ? format.infinity + sign : withSign(format.nan, sign, format)
}

/** The value that the code of `value` stands for. */
export function roundToSmallFloat(value: number, dtype: FloatName, options: FloatRounding = NEAREST): number {
  return decodeSmallFloat(encodeSmallFloat(value, dtype, options), dtype)
}

/**
 * A code is its value in units of the last place, plus one step of 2^fraction for each exponent above the least: a carry
 * out of the fraction lands in the exponent by itself, and codes go on evenly beyond the largest finite one.
 */
function magnitudeCode(word: number, format: FloatLayout, negative: boolean, options: FloatRounding): number {
  const field = word >>> 23
  const significand = field === 0 ? word : (word & 0x7fffff) + 0x800000
  const unit = Math.max(field, 1) - 150
  const exponent = Math.max(field - 127, format.least)
  const rounded = roundUnits(significand * powerOfTwo(unit + format.fraction - exponent), negative, options)
  const code = (exponent - format.least) * 2 ** format.fraction + rounded
  // e8m0: no subnormals, so code 0 is one unit.
  return format.signed ? code : Math.max(0, code - 1)
}

function roundUnits(units: number, negative: boolean, options: FloatRounding): number {
  switch (options.rounding ?? 'half-even') {
    case 'half-even':
      return roundHalfEven(units)
    case 'half-away':
      return roundHalfAway(units)
    case 'truncate':
      return Math.floor(units)
    case 'floor':
      return negative ? Math.ceil(units) : Math.floor(units)
    case 'stochastic': {
      const low = Math.floor(units)
      return uniform(options.seed ?? 0, options.index ?? 0) < units - low ? low + 1 : low
    }
  }
}

/** Where NaN is a single code, it has no sign. */
function withSign(nan: number, sign: number, format: FloatLayout): number {
  return format.negativeZero ? nan + sign : nan
}
