import type { StaticProduct, StaticWeight } from '../../model/activation.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { Statistics } from '../../model/statistics.ts'

/** Weights of a call of the kernel, where an output has no more. */
const CALL = 1 << 17

/** Mean of each channel of what a product reads; null where it was not seen by channel. */
export function meanOf({ operands }: StaticProduct, { values }: Statistics): Float64Array | null {
  const channels = values.get(operands[0] ?? '')?.channels
  if (!channels || channels.count === 0) return null
  return channels.sum.map((sum) => sum / channels.count)
}

/**
 * The bias that gives every output channel the mean it had: rounding of a weight by dW moves the mean by dW . E[x], summed over the
 * kernel (borders of padded convolutions are taken like the inside). Nagel et al. 2019, "Data-Free Quantization Through Weight
 * Equalization and Bias Correction", with means that were measured. Null where shapes do not tell which channel meets which.
 */
export function correctedBias(
  kernels: Kernels,
  { op, weight }: StaticProduct,
  bias: Float32Array,
  values: Float32Array,
  made: StaticWeight,
  mean: Float64Array,
): Float32Array | null {
  const { storage } = made.codes
  if (weight === null || weight.axis === null || storage.kind !== 'bytes') return null
  const { shape, axis } = weight
  const outputs = shape[axis] as number
  if (outputs !== bias.length) return null
  const isMatrix = (op === 'Gemm' || op === 'MatMul') && shape.length === 2
  const codes = { bytes: storage.bytes, flip: made.codes.dtype === 'u8' ? 128 : 0, scales: made.scales } as const
  if (isMatrix && mean.length !== shape[1 - axis]) return null
  if (isMatrix && axis === 1) return shifted(bias, shiftDown(values, codes, mean))
  if (!isMatrix && (op !== 'Conv' || axis !== 0)) return null
  const inputs = shape[1] as number
  const groups = mean.length / inputs
  if (!Number.isInteger(groups) || outputs % groups !== 0) return null
  const positions = shape.slice(2).reduce((a, b) => a * b, 1)
  return shifted(bias, shiftAcross(kernels, values, codes, mean, { inputs, positions, perGroup: outputs / groups }))
}

interface Codes {
  readonly bytes: Uint8Array
  readonly flip: 0 | 128
  readonly scales: Float32Array
}

function shifted(bias: Float32Array, shift: Float64Array): Float32Array {
  return bias.map((value, output) => value - shift[output]!)
}

/** Outputs are columns. */
function shiftDown(values: Float32Array, { bytes, flip, scales }: Codes, mean: Float64Array): Float64Array {
  const shift = new Float64Array(scales.length)
  for (let input = 0, at = 0; input < mean.length; input++) {
    for (let output = 0; output < scales.length; output++, at++) {
      const code = ((bytes[at]! ^ flip) << 24) >> 24
      shift[output]! += (Math.fround(code * scales[output]!) - values[at]!) * mean[input]!
    }
  }
  return shift
}

/** Outputs are rows, those of a group read the same inputs. */
function shiftAcross(
  kernels: Kernels,
  values: Float32Array,
  { bytes, flip, scales }: Codes,
  mean: Float64Array,
  { inputs, positions, perGroup }: { readonly inputs: number; readonly positions: number; readonly perGroup: number },
): Float64Array {
  const length = inputs * positions
  const outputs = scales.length
  const shift = new Float64Array(outputs)
  const most = Math.max(1, Math.floor(CALL / Math.max(1, length)))
  // Whole groups, or a part of one.
  const perCall = Math.min(outputs, most < perGroup ? most : most - (most % perGroup))
  const floats = 4 * perCall * length
  const [sums, means] = [8 * perCall, 8 * mean.length]
  const start = kernels.reserve(sums + means + floats + 4 * perCall + perCall * length)
  const place = { means: start + sums, values: start + sums + means, scales: start + sums + means + floats }
  const codes = place.scales + 4 * perCall
  new Float64Array(kernels.memory, place.means, mean.length).set(mean)
  for (let first = 0; first < outputs; ) {
    const left = perCall < perGroup ? perGroup - (first % perGroup) : outputs - first
    const rows = Math.min(perCall, left)
    const [from, end] = [first * length, (first + rows) * length]
    new Float32Array(kernels.memory, place.values, end - from).set(values.subarray(from, end))
    new Float32Array(kernels.memory, place.scales, rows).set(scales.subarray(first, first + rows))
    new Uint8Array(kernels.memory, codes, end - from).set(bytes.subarray(from, end))
    const own = place.means + 8 * inputs * Math.floor(first / perGroup)
    kernels.shiftRows(place.values, codes, flip, rows, inputs, positions, place.scales, own, perGroup, start)
    shift.set(new Float64Array(kernels.memory, start, rows), first)
    first += rows
  }
  return shift
}
