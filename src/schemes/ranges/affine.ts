/**
 * Codes on a grid that somebody else chose: what PyTorch's and ONNX's quantize operators do, bit for bit.
 *
 *   code = clamp(round(x / scale) + zero, low, high)      value = scale * (code - zero)
 *
 * ONNX divides, PyTorch multiplies by the f32 reciprocal: near ties the two differ by one code. Both round before the
 * zero point is added, so ties go to even steps from zero and not to even codes.
 * ONNX operator QuantizeLinear 28; PyTorch `quantize_per_tensor`, `fake_quantize_per_tensor_affine`.
 */
import { TersorError } from '../../errors.ts'
import { type RoundingMode, round, roundHalfEven } from '../../numbers/rounding.ts'
import { requireFinite } from './finite.ts'
import { parameterIndices, type SharedAlong } from './shared-along.ts'

export interface AffineCodes {
  /** Lowest and highest code. */
  readonly low: number
  readonly high: number
}

export interface AffineOptions extends AffineCodes {
  /** Default half-even. */
  readonly rounding?: RoundingMode
  /** How a value is scaled: `divide` as ONNX (default), `reciprocal` as PyTorch. */
  readonly scaling?: 'divide' | 'reciprocal'
  /** Needed when there are several scales. */
  readonly shared?: SharedAlong
}

type Parameter = number | ArrayLike<number>

/**
 * Codes of `values`. Scales are rounded to f32 first; zero points are integers (absent ones 0).
 * Throws E_NONFINITE with the index of a value, E_USAGE for scales that are not positive or counts that do not fit.
 */
export function quantizeAffine(
  values: Float32Array,
  scale: Parameter,
  zero: Parameter,
  options: AffineOptions,
): Int32Array {
  requireFinite(values)
  const { scales, zeros, indices } = parametersOf(values.length, scale, zero, options.shared)
  const { low, high, rounding = 'half-even' } = options
  const nearest = rounding === 'half-even' ? roundHalfEven : (value: number) => round(value, rounding)
  const reciprocals = options.scaling === 'reciprocal' ? scales.map((one) => Math.fround(1 / one)) : undefined
  const codes = new Int32Array(values.length)
  for (let index = 0; index < values.length; index++) {
    const parameter = indices === undefined ? 0 : indices[index]!
    const scaled = reciprocals ? values[index]! * reciprocals[parameter]! : values[index]! / scales[parameter]!
    const code = nearest(Math.fround(scaled)) + zeros[parameter]!
    codes[index] = code < low ? low : code > high ? high : code
  }
  return codes
}

/** Values of codes: scale * (code - zero), in f32. */
export function dequantizeAffine(
  codes: ArrayLike<number>,
  scale: Parameter,
  zero: Parameter,
  shared?: SharedAlong,
): Float32Array {
  const { scales, zeros, indices } = parametersOf(codes.length, scale, zero, shared)
  const values = new Float32Array(codes.length)
  for (let index = 0; index < codes.length; index++) {
    const parameter = indices === undefined ? 0 : indices[index]!
    values[index] = Math.fround(codes[index]! - zeros[parameter]!) * scales[parameter]!
  }
  return values
}

/** Values after a round trip through codes, as PyTorch's fake quantizers give them. */
export function fakeQuantize(
  values: Float32Array,
  scale: Parameter,
  zero: Parameter,
  options: AffineOptions,
): Float32Array {
  const codes = quantizeAffine(values, scale, zero, { scaling: 'reciprocal', ...options })
  return dequantizeAffine(codes, scale, zero, options.shared)
}

interface Parameters {
  readonly scales: Float32Array
  readonly zeros: Float64Array
  /** Parameter of each value; absent: there is one. */
  readonly indices: Uint32Array | undefined
}

function parametersOf(count: number, scale: Parameter, zero: Parameter, shared: SharedAlong | undefined): Parameters {
  const scales = typeof scale === 'number' ? Float32Array.of(scale) : Float32Array.from(scale)
  const zeros = typeof zero === 'number' ? new Float64Array(scales.length).fill(zero) : Float64Array.from(zero)
  if (scales.length !== 1 && shared === undefined) {
    throw new TersorError('E_USAGE', `expected one scale, found ${scales.length}`, { hint: 'say along which axis' })
  }
  const indices = shared && parameterIndices(shared)
  let needed = 1
  for (const index of indices ?? []) if (index >= needed) needed = index + 1
  if (indices !== undefined && indices.length !== count) {
    throw new TersorError('E_USAGE', `expected a shape of ${count} values, found [${shared!.shape.join(', ')}]`)
  }
  if (scales.length !== needed || zeros.length !== needed) {
    throw new TersorError('E_USAGE', `expected ${needed} scales and zeros, found ${scales.length} and ${zeros.length}`)
  }
  const bad = scales.findIndex((one) => !(one > 0 && Number.isFinite(one)))
  if (bad >= 0) throw new TersorError('E_USAGE', `scale ${bad} is ${scales[bad]}; expected a positive f32`)
  const fraction = zeros.findIndex((one) => !Number.isInteger(one))
  if (fraction >= 0) throw new TersorError('E_USAGE', `zero ${fraction} is ${zeros[fraction]}; expected an integer`)
  return { scales, zeros, indices }
}
