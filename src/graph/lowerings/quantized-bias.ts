import type { ActivationGrid, Placement } from '../../model/activation.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'
import { operandGroups } from '../placement/index.ts'

/** A bias code, and a sum of products beside it, have to stay within int32; half of it is left for the sum. */
const MOST = 2 ** 30

/** The least product of scales that is a normal float32. */
const LEAST_PRODUCT = 2 ** -126

/** Scale of bias `channel`: the float32 product that the integer kernels assume. */
export function biasScale(activation: number, weights: Float32Array, channel: number): number {
  return Math.fround(activation * (weights[weights.length === 1 ? 0 : channel] as number))
}

/**
 * Least weight scale per channel that keeps the bias at `activation * scale` inside 2^30. A weight has to be encoded with a scale of
 * at least this; only channels whose weights are next to nothing beside their bias are ever touched.
 */
export function leastWeightScales(bias: Float32Array | null, activation: number, channels: number): Float32Array {
  const least = new Float32Array(channels)
  for (let channel = 0; channel < channels; channel++) {
    const value = Math.abs(bias?.[channel] ?? 0)
    const exact = Math.max(value / (activation * (MOST - 1)), LEAST_PRODUCT / activation)
    const rounded = Math.fround(exact)
    least[channel] = rounded < exact ? Math.fround(rounded * (1 + 2 ** -23)) : rounded
  }
  return least
}

/**
 * The same for every weight of a placement, over all products that read it. Weights with one scale for all channels get one number.
 */
export function leastScalesOf(
  placement: Placement,
  grids: ReadonlyMap<string, ActivationGrid>,
  biases: ReadonlyMap<string, Float32Array>,
): ReadonlyMap<string, Float32Array> {
  const groupsOf = operandGroups(placement.points)
  const found = new Map<string, Float32Array>()
  for (const product of placement.products) {
    const { form, weight, bias } = product
    const grid = grids.get(groupsOf(product)[0] ?? '')
    if (form === 'stored' || weight === null || grid === undefined) continue
    const values = form === 'qdq' && bias !== null ? (biases.get(bias) ?? null) : null
    const channels = weight.axis === null ? (values?.length ?? 1) : (weight.shape[weight.axis] ?? 1)
    const each = leastWeightScales(values, grid.scale, channels)
    const least = weight.axis === null ? Float32Array.of(each.reduce((a, b) => Math.max(a, b), 0)) : each
    found.set(weight.name, found.get(weight.name)?.map((one, index) => Math.max(one, least[index] as number)) ?? least)
  }
  return found
}

/** int32 codes of a bias at the product of the scales; null where one of them would not fit. */
export function biasCodes(bias: Float32Array, activation: number, weights: Float32Array): Int32Array | null {
  const codes = new Int32Array(bias.length)
  for (let channel = 0; channel < bias.length; channel++) {
    const scale = biasScale(activation, weights, channel)
    const code = roundHalfEven((bias[channel] as number) / scale)
    if (!(Math.abs(code) <= MOST)) return null
    codes[channel] = code
  }
  return codes
}
