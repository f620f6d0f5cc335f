import { TersorError } from '../../errors.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'
import { requireRange } from './finite.ts'

const f32 = Math.fround

/**
 * The uint8 grid that ONNX DynamicQuantizeLinear takes for values from min to max: what integer models do to activations.
 *
 *   scale = (max - min) / 255, zero = clamp(round(-min / scale)), 0 inside the range; f32, ties to even
 *
 * A range of zeros only has scale 1 / 255. onnx.reference; throws E_USAGE for a range out of order, and for one so narrow that its scale is 0.
 */
export function onnxDynamicRange(min: number, max: number): { scale: number; zero: number } {
  requireRange(min, max)
  const [least, most] = [f32(Math.min(min, 0)), f32(Math.max(max, 0))]
  const scale = f32((least === most ? 1 : f32(most - least)) / 255)
  if (scale === 0) throw new TersorError('E_USAGE', `the range from ${least} to ${most} is too narrow for an f32 scale`)
  const zero = roundHalfEven(f32(-least / scale))
  return { scale, zero: Math.min(Math.max(zero, 0), 255) }
}
