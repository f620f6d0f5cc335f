/**
 * `tf.quantization.quantize` and `dequantize`, bit for bit: an array, a range, one of three meanings.
 *
 *   MIN_COMBINED  code = round((x - min) * (levels - 1) / (max - min)) [- levels / 2 for signed types]
 *   MIN_FIRST     code = round(x * s) - round(min * s) + low, s = (levels - 1) / (max - min): 0 is exact
 *   SCALED        code = round(x * s), s = the smaller of low / min and high / max: 0 is exact, no zero point
 *
 * The range always grows to hold 0, and to `ensureMinimumRange` times the larger of 1 and its magnitude. Ties away from
 * zero; to even only for SCALED. All in f32, in TensorFlow's order. tensorflow/core/kernels/quantize_op.cc, dequantize_op.cc.
 */
import { TersorError } from '../../errors.ts'
import { roundHalfAway, roundHalfEven } from '../../numbers/rounding.ts'
import { requireFinite, requireRange } from './finite.ts'
import { GREATEST_F32, type TensorflowType, tensorflowCodes } from './tensorflow-types.ts'

export type TensorflowMode = 'MIN_COMBINED' | 'MIN_FIRST' | 'SCALED'

export interface TensorflowRange {
  readonly min: number
  readonly max: number
  /** Default MIN_COMBINED. */
  readonly mode?: TensorflowMode
  readonly type: TensorflowType
  /** SCALED without the lowest code of a signed type. */
  readonly narrowRange?: boolean
}

export interface TensorflowQuantizeOptions extends TensorflowRange {
  readonly rounding?: 'HALF_AWAY_FROM_ZERO' | 'HALF_TO_EVEN'
  /** Default 0.01. */
  readonly ensureMinimumRange?: number
}

export interface TensorflowQuantized {
  readonly codes: Int32Array
  /** `output_min`, `output_max`: what `dequantizeTensorflow` needs. */
  readonly min: number
  readonly max: number
}

const f32 = Math.fround

/** Throws E_NONFINITE with the index of a value, E_USAGE for a range out of order or a rounding that the mode lacks. */
export function quantizeTensorflow(values: Float32Array, options: TensorflowQuantizeOptions): TensorflowQuantized {
  requireFinite(values)
  requireRange(options.min, options.max)
  const { mode = 'MIN_COMBINED', type, rounding = 'HALF_AWAY_FROM_ZERO' } = options
  if (rounding === 'HALF_TO_EVEN' && mode !== 'SCALED') {
    throw new TersorError('E_USAGE', `rounding HALF_TO_EVEN needs mode SCALED, found ${mode}`)
  }
  const [min, max] = grownRange(f32(options.min), f32(options.max), options.ensureMinimumRange ?? 0.01)
  const { low, high } = tensorflowCodes(type)
  const codes = new Int32Array(values.length)
  if (mode === 'SCALED') {
    const least = low + (options.narrowRange ? 1 : 0)
    const scale = Math.min(scaleOfSide(least, min), scaleOfSide(high, max))
    const [from, to] = [f32(least / scale), f32(high / scale)]
    const nearest = rounding === 'HALF_TO_EVEN' ? roundHalfEven : roundHalfAway
    for (let index = 0; index < values.length; index++) {
      codes[index] = nearest(f32(clamp(values[index]!, from, to) * scale))
    }
    return { codes, min: from, max: to }
  }
  const scale = f32((high - low) / f32(max - min))
  if (mode === 'MIN_FIRST') {
    const first = f32(roundHalfAway(f32(min * scale)) - low)
    for (let index = 0; index < values.length; index++) {
      codes[index] = clamp(f32(roundHalfAway(f32(values[index]! * scale)) - first), low, high)
    }
    return { codes, min, max }
  }
  for (let index = 0; index < values.length; index++) {
    const steps = f32(f32(clamp(values[index]!, min, max) - min) * scale)
    // Unsigned types: half added in f32, the rest cut off. Signed ones: half of the codes taken off first, then rounded.
    codes[index] = low === 0 ? Math.floor(f32(steps + 0.5)) : roundHalfAway(f32(steps + low))
  }
  return { codes, min, max }
}

/** The reverse, with the range that quantizing gave. Throws E_USAGE for a range out of order. */
export function dequantizeTensorflow(codes: ArrayLike<number>, range: TensorflowRange): Float32Array {
  requireRange(range.min, range.max)
  const [min, max] = [f32(range.min), f32(range.max)]
  const { low, high } = tensorflowCodes(range.type)
  const values = new Float32Array(codes.length)
  if (range.mode === 'SCALED') {
    const fromMax = f32(max / high)
    const scale = low === 0 ? fromMax : Math.max(f32(min / (low + (range.narrowRange ? 1 : 0))), fromMax)
    for (let index = 0; index < codes.length; index++) values[index] = codes[index]! * scale
    return values
  }
  const step = f32(f32(max - min) / (high - low))
  if (range.mode === 'MIN_FIRST') {
    const rounded = max === min ? min : f32(roundHalfAway(f32(min / step)) * step)
    const offset = f32(rounded - f32(low * step))
    for (let index = 0; index < codes.length; index++) values[index] = offset + f32(codes[index]! * step)
    return values
  }
  for (let index = 0; index < codes.length; index++) values[index] = f32((codes[index]! - low) * step) + min
  return values
}

/** The range that TensorFlow quantizes to: with 0 in it, and not empty. */
function grownRange(min: number, max: number, ensured: number): [number, number] {
  const from = Math.min(0, min)
  const least = f32(Math.max(1, Math.abs(min), Math.abs(max)) * f32(ensured))
  return [from, Math.max(0, max, f32(from + least))]
}

/** Codes per unit that just fit `end` into `code`; the greatest float for a side that has nothing. */
function scaleOfSide(code: number, end: number): number {
  return code * end > 0 ? f32(code / end) : GREATEST_F32
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(Math.min(value, high), low)
}
