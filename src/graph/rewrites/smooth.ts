import type { WeightFacts } from '../../model/inventory.ts'
import { intAttribute } from '../attributes.ts'
import type { Connections } from '../consumers.ts'
import { type NormFacts, normsOf } from '../norms.ts'
import { isStandard, scopeKey } from '../walk.ts'

/**
 * Balancing activations against weights (after SmoothQuant, Xiao et al. 2023, without its calibration data): a product x W is also
 * (x / s)(s W) for any vector s along the depth. Channels of x that are much larger than the rest take the steps of all others when
 * x is quantized; in s W they cost little, since 8 bits leave weights room.
 *
 * Where x leaves a LayerNorm or RMSNorm its size is known without data: 3 |gamma| + |beta| per channel for a normalised value of unit
 * variance. Outliers that grow beyond that (a residual channel of the first token, most often) are known to the weights
 * that read them: training gives such a channel small weights wherever it must not drown the others. So
 *
 *   s = (3 |gamma| + |beta|) / min(1, w)      w: root mean square of a channel's weights, relative to the matrix
 *
 * with the least w over all products that read x, so that one x / s serves them all. SmoothQuant's own exponents (half of each)
 * were measured too: where calibration knows the true maxima they are right, here they are half-hearted.
 */
export interface NormProducts {
  readonly norm: NormFacts
  /** Weights whose single product reads the norm's output, with its channels as depth. */
  readonly weights: readonly WeightFacts[]
}

/** Standard deviations of a normalised value that count as its size. */
const SPREAD = 3

/** Ratios beyond this are cut: a channel of no weight at all must not become infinite. */
const MOST = 64

const TRANSPARENT = new Set(['Identity', 'Cast', 'Dropout', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'])

/** Norms and the weights among those given that multiply their outputs; reshapes between keep the channels when the depth does. */
export function productsOfNorms(connections: Connections, weights: readonly WeightFacts[]): readonly NormProducts[] {
  const norms = new Map(normsOf(connections).map((norm) => [JSON.stringify([norm.scope, norm.output]), norm]))
  const groups = new Map<NormFacts, WeightFacts[]>()
  for (const weight of weights) {
    const norm = normBefore(weight, norms, connections)
    if (norm === undefined) continue
    const group = groups.get(norm)
    if (group) group.push(weight)
    else groups.set(norm, [weight])
  }
  return [...groups].map(([norm, members]) => ({ norm, weights: members }))
}

function normBefore(
  weight: WeightFacts,
  norms: ReadonlyMap<string, NormFacts>,
  connections: Connections,
): NormFacts | undefined {
  const use = weight.uses[0]
  if (use === undefined || weight.uses.length !== 1 || use.inputIndex !== 1 || use.view?.stack !== 1) return undefined
  if (intAttribute(use.node, 'transA', 0) !== 0) return undefined
  const scope = connections.scopes.find((one) => scopeKey(one.path) === scopeKey(use.scope))
  let name = use.node.inputs[0] ?? ''
  for (let step = 0; scope !== undefined && step < 4; step++) {
    const definition = connections.resolve(scope, name)
    if (definition === undefined) return undefined
    const norm = norms.get(JSON.stringify([definition.scope.path, name]))
    if (norm !== undefined) return norm
    const { node } = definition
    if (node === null || !isStandard(node) || !TRANSPARENT.has(node.op)) return undefined
    name = node.inputs[0] ?? ''
  }
  return undefined
}

/**
 * The vector s, of mean square 1. `scale` and `bias` are gamma and beta (null: 1 and 0), `energies` the sums of squares of each
 * product's weights per channel. Null when there is nothing to balance.
 */
export function balanceOf(
  depth: number,
  scale: Float32Array | null,
  bias: Float32Array | null,
  energies: readonly Float64Array[],
): Float32Array | null {
  if (energies.length === 0 || (scale ?? bias ?? energies[0])?.length !== depth) return null
  const size = relative(depth, (i) => SPREAD * Math.abs(scale?.[i] ?? 1) + Math.abs(bias?.[i] ?? 0))
  const weights = energies.map((energy) => relative(depth, (i) => Math.sqrt(energy[i] ?? 0)))
  if (size === null || weights.some((one) => one === null)) return null
  const ratio = size.map((value, i) => value / Math.min(1, ...weights.map((one) => (one as Float64Array)[i] as number)))
  const balance = relative(depth, (i) => ratio[i] as number)
  return balance && Float32Array.from(balance)
}

/** Values divided by their root mean square, kept within 1 / MOST and MOST; null when all are zero or one is not finite. */
function relative(depth: number, value: (index: number) => number): Float64Array | null {
  const values = Float64Array.from({ length: depth }, (_, i) => value(i))
  const unit = Math.sqrt(values.reduce((sum, one) => sum + one * one, 0) / depth)
  if (!(unit > 0) || !Number.isFinite(unit)) return null
  return values.map((one) => Math.min(MOST, Math.max(1 / MOST, one / unit)))
}
