/**
 * Scale and zero point of a range as PyTorch chooses them.
 *
 *   affine      scale = (max - min) / (high - low), zero = low - round(min / scale), 0 inside the range
 *   symmetric   scale = absmax / ((high - low) / 2), zero = 0 for int8, the middle for uint8
 *
 * All steps in f32, ties to even; scales are at least 2^-23. torch.ao.quantization.observer, `_calculate_qparams`;
 * `_choose_qparams_per_tensor` for dynamic quantization.
 */
import { TersorError } from '../../errors.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'
import type { AffineCodes } from './affine.ts'
import { requireRange } from './finite.ts'

export interface TorchGrid extends AffineCodes {
  readonly scale: number
  readonly zero: number
}

export interface TorchRangeOptions {
  readonly type: 'int8' | 'uint8'
  readonly symmetric?: boolean
  /** One bit less, as FBGEMM needs it on processors without VNNI: -64..63 or 0..127. */
  readonly reduceRange?: boolean
  /** Codes instead of the type's own (`quant_min`, `quant_max`); must hold 0. */
  readonly codes?: AffineCodes
}

/** `eps` of the observers: float32's. */
const LEAST_SCALE = 1.1920928955078125e-7

const f32 = Math.fround

/** What an observer's `calculate_qparams` gives for the range it saw. Throws E_USAGE for a range out of order. */
export function torchQParams(min: number, max: number, options: TorchRangeOptions): TorchGrid {
  requireRange(min, max)
  const { low, high } = codesOf(options)
  const least = f32(Math.min(min, 0))
  const most = f32(Math.max(max, 0))
  if (options.symmetric) {
    const scale = Math.max(f32(Math.max(-least, most) / ((high - low) / 2)), LEAST_SCALE)
    const middle = options.codes === undefined ? 128 : Math.floor((low + high) / 2)
    return { scale, zero: options.type === 'uint8' ? middle : 0, low, high }
  }
  const scale = Math.max(f32(f32(most - least) / (high - low)), LEAST_SCALE)
  const zero = low - roundHalfEven(f32(least / scale))
  return { scale, zero: Math.min(Math.max(zero, low), high), low, high }
}

function codesOf({ type, symmetric, reduceRange, codes }: TorchRangeOptions): AffineCodes {
  if (reduceRange && symmetric && type === 'uint8') {
    throw new TersorError('E_USAGE', 'a symmetric uint8 range cannot be reduced: its zero point 128 is no code of it')
  }
  if (codes !== undefined) {
    if (!(codes.low <= 0 && codes.high >= 0 && codes.low < codes.high)) {
      throw new TersorError('E_USAGE', `expected codes around 0, found ${codes.low} to ${codes.high}`)
    }
    const half = (code: number): number => (reduceRange ? Math.floor(code / 2) : code)
    return { low: half(codes.low), high: half(codes.high) }
  }
  if (type === 'int8') return reduceRange ? { low: -64, high: 63 } : { low: -128, high: 127 }
  return { low: 0, high: reduceRange ? 127 : 255 }
}

/** Below it the kernels' fixed-point multipliers would lose bits. */
const SMALL_SCALE = f32(6.1e-5)

/** uint8 grid that dynamic quantization takes for the activations of one call (`_choose_qparams_per_tensor`). In double. */
export function torchDynamicQParams(min: number, max: number, reduceRange = false): TorchGrid {
  requireRange(min, max)
  const high = reduceRange ? 127 : 255
  let least = f32(Math.min(min, 0))
  let most = f32(Math.max(max, 0))
  let scale = (most - least) / high
  if (f32(scale) === 0 || !Number.isFinite(f32(1 / f32(scale)))) scale = 0.1
  if (scale < SMALL_SCALE) {
    const grown = f32(SMALL_SCALE / f32(scale))
    scale = SMALL_SCALE
    if (least === 0) most = f32(SMALL_SCALE * high)
    else if (most === 0) least = f32(-SMALL_SCALE * high)
    else {
      least = f32(least * grown)
      most = f32(most * grown)
    }
  }
  // The end whose terms are smaller loses less in the subtraction.
  const fromMin = 0 - least / scale
  const fromMax = high - most / scale
  const zero = Math.abs(least / scale) < high + Math.abs(most / scale) ? fromMin : fromMax
  return { scale, zero: Math.min(Math.max(roundHalfEven(zero), 0), high), low: 0, high }
}
