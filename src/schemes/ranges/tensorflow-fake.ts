/**
 * `tf.quantization.fake_quant_with_min_max_args`, `_vars` and `_vars_per_channel`, bit for bit.
 *
 *   scale = (max - min) / (high - low), zero = round(low - min / scale) inside the codes, range moved so that 0 is exact
 *   value = floor((clamp(x) - min) / scale - round(-min / scale) + 1/2) * scale
 *
 * `_vars` divides by the scale, the other two multiply by its reciprocal (high - low) / (max - min).
 * All in f32. tensorflow/core/kernels/fake_quant_ops_functor.h.
 */
import { TersorError } from '../../errors.ts'
import { roundHalfAway } from '../../numbers/rounding.ts'
import { requireFinite, requireRange } from './finite.ts'

export interface TensorflowFakeOptions {
  readonly min: number
  readonly max: number
  /** 2 to 16; default 8. */
  readonly bits?: number
  /** Codes from 1 instead of 0. */
  readonly narrowRange?: boolean
  /** Whose arithmetic; default `vars`. */
  readonly form?: 'vars' | 'args' | 'channel'
}

export interface NudgedRange {
  readonly scale: number
  /** Code of 0. */
  readonly zero: number
  /** The range after it was moved. */
  readonly min: number
  readonly max: number
  readonly low: number
  readonly high: number
}

const f32 = Math.fround

/** The grid that TensorFlow's fake quantizers and TFLite take for a range. Throws E_USAGE for a range that is empty or out of order. */
export function tensorflowRange(options: TensorflowFakeOptions): NudgedRange {
  const { bits = 8, narrowRange = false } = options
  requireRange(options.min, options.max)
  if (!(Number.isInteger(bits) && bits >= 2 && bits <= 16)) {
    throw new TersorError('E_USAGE', `expected 2 to 16 bits, found ${bits}`)
  }
  const [min, max] = [f32(options.min), f32(options.max)]
  if (min === max) throw new TersorError('E_USAGE', `expected min < max, found ${min} twice`)
  const low = narrowRange ? 1 : 0
  const high = 2 ** bits - 1
  const scale = f32(f32(max - min) / (high - low))
  const from = f32(low - f32(min / scale))
  const zero = from < low ? low : from > high ? high : roundHalfAway(from)
  return { scale, zero, min: f32((low - zero) * scale), max: f32((high - zero) * scale), low, high }
}

/** Values after the round trip. A range of 0 to 0 gives zeros, as TensorFlow does. */
export function fakeQuantizeTensorflow(values: Float32Array, options: TensorflowFakeOptions): Float32Array {
  requireFinite(values)
  if (options.min === 0 && options.max === 0) return new Float32Array(values.length)
  const { scale, min, max, low, high } = tensorflowRange(options)
  const divide = (options.form ?? 'vars') === 'vars'
  const perUnit = f32((high - low) / f32(f32(options.max) - f32(options.min)))
  const zero = Math.floor(f32(f32(-min * perUnit) + 0.5))
  const result = new Float32Array(values.length)
  for (let index = 0; index < values.length; index++) {
    const shifted = f32(Math.max(Math.min(values[index]!, max), min) - min)
    const steps = f32(divide ? shifted / scale : shifted * perUnit)
    result[index] = Math.floor(f32(f32(steps - zero) + 0.5)) * scale
  }
  return result
}
