/**
 * `tf.quantization.quantize_and_dequantize_v2`, bit for bit: symmetric codes, the side that needs the larger step decides.
 *
 *   scale = the smaller of low / min and high / max      value = round(clamp(x) * scale) / scale
 *
 * Values are clamped only when the range is given. Ties to even, or up. f32.
 * tensorflow/core/kernels/quantize_and_dequantize_op.h.
 */
import { TersorError } from '../../errors.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'
import { requireFinite, requireRange } from './finite.ts'
import { GREATEST_F32 } from './tensorflow-types.ts'

export interface RoundTripOptions {
  /** Absent: the values' own, and nothing is clamped. */
  readonly range?: { readonly min: number; readonly max: number }
  /** Default true. */
  readonly signed?: boolean
  /** 1 to 31; default 8. */
  readonly bits?: number
  readonly narrowRange?: boolean
  readonly rounding?: 'HALF_TO_EVEN' | 'HALF_UP'
}

const f32 = Math.fround

/** Throws E_NONFINITE with the index of a value, E_USAGE for ranges out of order and bits outside 1 to 31. */
export function quantizeAndDequantizeTensorflow(values: Float32Array, options: RoundTripOptions = {}): Float32Array {
  requireFinite(values)
  const { signed = true, bits = 8, narrowRange = false, rounding = 'HALF_TO_EVEN' } = options
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= 31)) {
    throw new TersorError('E_USAGE', `expected 1 to 31 bits, found ${bits}`)
  }
  const given = options.range ?? extremes(values)
  requireRange(given.min, given.max)
  const high = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1
  const low = signed ? -high - (narrowRange ? 0 : 1) : 0
  let [min, max] = [f32(given.min), f32(given.max)]
  const fromMin = scaleOfSide(low, min)
  const fromMax = scaleOfSide(high, max)
  const scale = Math.min(fromMin, fromMax)
  // The value of one code comes from the same side, and not from 1 / scale.
  let step: number
  if (fromMin < fromMax) {
    step = f32(min / low)
    max = f32(high * step)
  } else {
    step = f32(max / high)
    min = f32(low * step)
  }
  const result = new Float32Array(values.length)
  for (let index = 0; index < values.length; index++) {
    const value = options.range ? Math.max(Math.min(values[index]!, max), min) : values[index]!
    const scaled = f32(value * scale)
    result[index] = (rounding === 'HALF_TO_EVEN' ? roundHalfEven(scaled) : Math.floor(f32(scaled + 0.5))) * step
  }
  return result
}

function scaleOfSide(code: number, end: number): number {
  return code * end > 0 ? f32(code / end) : GREATEST_F32
}

function extremes(values: Float32Array): { min: number; max: number } {
  let [min, max] = values.length === 0 ? [0, 0] : [values[0]!, values[0]!]
  for (const value of values) {
    if (value < min) min = value
    if (value > max) max = value
  }
  return { min, max }
}
