import { biasCodes, leastScalesOf } from '../../graph/lowerings/index.ts'
import { operandGroups } from '../../graph/placement/index.ts'
import type { ActivationGrid, Placement, StaticWeight } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import { correctedBias, meanOf } from './bias-correction.ts'
import { ConstantFloats } from './constant-floats.ts'
import { RoundedWeights, readersOf, type StoredWeight } from './rounded-weights.ts'

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
  const codes = new Map<string, StoredWeight>()
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
    // Another reader of the same codes has only a bias of its own.
    if (codes.has(weight.name) && bias === null) continue
    const values = await floats.of(weight.name)
    const floor = least.get(weight.name)
    const options = { ...(floor ? { least: floor } : {}), scale: search ? ('error' as const) : ('extreme' as const) }
    const { made, form, sqnrDb } =
      codes.get(weight.name) ??
      rounded.stored(
        readersOf(placement.products, weight.name),
        rounded.round(
          tools.kernels,
          weight.name,
          floats.tensor(weight.name),
          values,
          weight.shape,
          weight.axis,
          options,
        ),
      )
    codes.set(weight.name, { made, form, sqnrDb })
    weights.set(weight.name, made)
    const mean = meanOf(product, statistics)
    const own = bias === null ? undefined : biases.get(bias)
    const corrected =
      mean && own && usedOnce(placement, bias) ? correctedBias(tools.kernels, product, own, values, made, mean) : null
    const scale = grids.get(groupsOf(product)[0] ?? '')?.scale
    // A channel of next to no weights may not hold the new bias; then the old one, which the scales were made for, stays.
    // Products that give floats add their bias in float.
    const holds =
      product.form !== 'qdq' || (scale !== undefined && corrected && biasCodes(corrected, scale, made.scales))
    const fits = corrected && Boolean(holds)
    if (fits && bias !== null) biases.set(bias, corrected)
    const biasCorrected = fits === true || figures.get(weight.name)?.biasCorrected === true
    figures.set(weight.name, { sqnrDb, form, biasCorrected })
  }
  return { weights, biases, plainBiases, figures }
}

function usedOnce({ products }: Placement, bias: string | null): boolean {
  return products.filter((product) => product.bias === bias).length === 1
}
