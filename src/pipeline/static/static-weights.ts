import { decibels } from '../../evaluation/decibels.ts'
import { biasCodes, leastScalesOf } from '../../graph/lowerings/index.ts'
import { asUnsigned, operandGroups, safeWeightFor } from '../../graph/placement/index.ts'
import type { ActivationGrid, Placement, StaticWeight } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import { correctedBias, meanOf } from './bias-correction.ts'
import { ConstantFloats } from './constant-floats.ts'
import { decodedOf } from './decoded-weight.ts'
import { RoundedWeights } from './rounded-weights.ts'

/** Codes of every weight that the placement names, and the floats of every bias. */
export interface StaticConstants {
  readonly weights: ReadonlyMap<string, StaticWeight>
  readonly biases: ReadonlyMap<string, Float32Array>
  /** The biases before any correction. */
  readonly plainBiases: ReadonlyMap<string, Float32Array>
  /** By weight. */
  readonly figures: ReadonlyMap<string, WeightFigures>
}

export interface WeightFigures {
  readonly sqnrDb: number
  readonly form: 's8' | 'u8'
  /** The bias takes back what rounding of the weight adds to the mean of each channel. */
  readonly biasCorrected: boolean
  /** Where it is not the scale search of every weight. */
  readonly solver?: string
}

/** Chooses scales and signs so that no CPU saturates and no bias overflows. `search`: scales of least squared error. */
export async function staticConstants(
  model: Model,
  placement: Placement,
  grids: ReadonlyMap<string, ActivationGrid>,
  statistics: Statistics,
  search: boolean,
  tools: Tools,
  rounded = new RoundedWeights(),
): Promise<StaticConstants> {
  const floats = new ConstantFloats(model, tools.kernels)
  const biases = new Map<string, Float32Array>()
  const weights = new Map<string, StaticWeight>()
  const figures = new Map<string, WeightFigures>()
  for (const { bias } of placement.products) {
    if (bias !== null && !biases.has(bias)) biases.set(bias, await floats.of(bias))
  }
  const plainBiases = new Map(biases)
  const groupsOf = operandGroups(placement.points)
  const least = leastScalesOf(placement, grids, biases)
  for (const [done, product] of placement.products.entries()) {
    tools.signal?.throwIfAborted()
    tools.notify({ phase: 'weights', done, total: placement.products.length, note: product.label })
    const { weight, bias } = product
    // What is not computed in integers is the plan's to store, or to keep.
    if (weight === null || product.form === 'stored') continue
    const given = weights.get(weight.name)
    // Another reader of the same codes has only a bias of its own.
    if (given !== undefined && bias === null) continue
    const values = await floats.of(weight.name)
    const floor = least.get(weight.name)
    const options = { ...(floor ? { least: floor } : {}), scale: search ? ('error' as const) : ('extreme' as const) }
    const signed =
      given ?? rounded.round(weight.name, floats.tensor(weight.name), values, weight.shape, weight.axis, options)
    const readers = placement.products.filter((one) => one.weight?.name === weight.name)
    const { form } = figures.get(weight.name) ?? safeWeightFor(readers, signed)
    const made = given ?? (form === 's8' ? signed : asUnsigned(signed))
    weights.set(weight.name, made)
    const decoded = decodedOf(made, weight.shape)
    const mean = meanOf(product, statistics)
    const own = bias === null ? undefined : biases.get(bias)
    const corrected =
      mean && own && usedOnce(placement, bias) ? correctedBias(product, own, values, decoded, mean) : null
    const scale = grids.get(groupsOf(product)[0] ?? '')?.scale
    // A channel of next to no weights may not hold the new bias; then the old one, which the scales were made for, stays.
    // Products that give floats add their bias in float.
    const holds =
      product.form !== 'qdq' || (scale !== undefined && corrected && biasCodes(corrected, scale, made.scales))
    const fits = corrected && Boolean(holds)
    if (fits && bias !== null) biases.set(bias, corrected)
    const biasCorrected = fits === true || figures.get(weight.name)?.biasCorrected === true
    figures.set(weight.name, { sqnrDb: sqnrOf(values, decoded), form, biasCorrected })
  }
  return { weights, biases, plainBiases, figures }
}

function sqnrOf(values: Float32Array, decoded: Float32Array): number {
  let error = 0
  let energy = 0
  for (let i = 0; i < values.length; i++) {
    const x = values[i] as number
    error += (x - (decoded[i] as number)) ** 2
    energy += x * x
  }
  return error === 0 ? Number.POSITIVE_INFINITY : decibels(energy, error)
}

function usedOnce({ products }: Placement, bias: string | null): boolean {
  return products.filter((product) => product.bias === bias).length === 1
}
