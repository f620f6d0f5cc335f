import type { StaticProduct } from '../../model/activation.ts'
import type { Statistics } from '../../model/statistics.ts'

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
  product: StaticProduct,
  bias: Float32Array,
  values: Float32Array,
  decoded: Float32Array,
  mean: Float64Array,
): Float32Array | null {
  const { op, weight } = product
  if (weight === null || weight.axis === null) return null
  const { shape, axis } = weight
  const outputs = shape[axis] as number
  if (outputs !== bias.length) return null
  const shift = new Float64Array(outputs)
  if (op === 'Conv' && axis === 0) {
    const inputs = shape[1] as number
    const groups = mean.length / inputs
    if (!Number.isInteger(groups) || outputs % groups !== 0) return null
    const kernel = shape.slice(2).reduce((a, b) => a * b, 1)
    const perGroup = outputs / groups
    for (let o = 0, at = 0; o < outputs; o++) {
      const first = Math.floor(o / perGroup) * inputs
      for (let i = 0; i < inputs; i++) {
        let change = 0
        for (let k = 0; k < kernel; k++, at++) change += (decoded[at] as number) - (values[at] as number)
        shift[o] = (shift[o] as number) + change * (mean[first + i] as number)
      }
    }
  } else if ((op === 'Gemm' || op === 'MatMul') && shape.length === 2) {
    const depth = shape[1 - axis] as number
    if (depth !== mean.length) return null
    for (let at = 0; at < values.length; at++) {
      const row = Math.floor(at / (shape[1] as number))
      const column = at % (shape[1] as number)
      const [o, i] = axis === 0 ? [row, column] : [column, row]
      shift[o] = (shift[o] as number) + ((decoded[at] as number) - (values[at] as number)) * (mean[i] as number)
    }
  } else return null
  return bias.map((value, o) => value - (shift[o] as number))
}
