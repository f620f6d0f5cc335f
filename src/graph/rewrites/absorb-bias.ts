import type { Model } from '../../model/graph.ts'
import type { ReadSmall } from '../constant-nodes.ts'
import { floatConstant, readFloats } from './float-constants.ts'
import { type LayerPair, layerPairs } from './layer-pairs.ts'
import { biasOf, biasPerChannel, mayPad, type Product, responseTo, withConstants } from './products.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

/** What samples showed of the channels of one value, before its activation function. */
export interface ChannelStatistics {
  readonly mean: Float64Array
  readonly deviation?: Float64Array
  /** Least value of each channel; what it allows is exact on the samples. */
  readonly least?: Float64Array
}

export interface Absorbed extends RewrittenModel {
  /** By name of a value of the main graph (channels on axis 1): what was taken from each channel. */
  readonly shifts: ReadonlyMap<string, Float64Array>
}

/** Standard deviations below the mean that a normal value hardly ever leaves. */
const SPREAD = 3

/**
 * High biases moved on (Nagel et al. 2019): a channel that is never below c > 0 before its ReLU passes it unchanged, so c can be
 * taken from the bias before and what the next product makes of c added to the bias behind. Activations become smaller
 * where ranges are wide for nothing. c is the least value of the channel, else its mean less three standard deviations; with
 * neither there is nothing to do. Only directly through one ReLU into a product that puts no zeros around its input.
 * Statistics go by names of values of the main graph, as this model has them: of what the ReLU reads, or else least values of what it
 * gives, which say the same of the channels that never reach 0.
 */
export async function absorbBiases(
  model: Model,
  read: ReadSmall,
  statistics: ReadonlyMap<string, ChannelStatistics>,
): Promise<Absorbed> {
  const revision = new Revision(model, 'absorb')
  const shifts = new Map<string, Float64Array>()
  const biases = new Map<Product['node'], { readonly product: Product; readonly values: Float64Array }>()
  for (const pair of layerPairs(revision)) {
    const shift = shiftOf(pair, statistics)
    if (shift === null) continue
    const { first, second } = pair
    const [before, behind] = [await biasFor(first), await biasFor(second)]
    const weights = await readFloats(second.tensor, read)
    if (before === null || behind === null || weights === null) continue
    const response = responseTo(second, weights, shift)
    for (const [channel, value] of shift.entries()) before[channel] = (before[channel] as number) - value
    for (const [channel, value] of response.entries()) behind[channel] = (behind[channel] as number) + value
    for (const name of pair.values) shifts.set(name, shift)
    const count = shift.filter((value) => value > 0).length
    const label = second.node.name || (second.node.outputs[0] ?? '')
    revision.done(first.scope, first.node, `bias of ${count} channels moved into ${second.op} "${label}"`)
  }
  for (const { product, values } of biases.values()) {
    const base = product.node.inputs[2] || `${product.node.name || product.node.outputs[0]}/bias`
    const name = revision.fresh(base)
    revision.add(product.scope, floatConstant(name, product.tensor.dtype, [values.length], values))
    revision.replace(product.node, [withConstants(product, null, name)])
  }
  return { ...revision.finish(), shifts }

  async function biasFor(product: Product): Promise<Float64Array | null> {
    const known = biases.get(product.node)
    if (known !== undefined) return known.values
    const bias = biasOf(product, revision.connections)
    if (bias.kind === 'computed' || product.op === 'MatMul') return null
    const stored = bias.kind === 'constant' ? await readFloats(bias.tensor, read) : new Float64Array(1)
    if (stored === null) return null
    const values = bias.kind === 'constant' ? biasPerChannel(product, stored) : new Float64Array(product.outputChannels)
    biases.set(product.node, { product, values })
    return values
  }
}

/** What each channel is always above; null when the pair does not allow it or no channel is. */
function shiftOf(
  { first, second, between }: LayerPair,
  statistics: ReadonlyMap<string, ChannelStatistics>,
): Float64Array | null {
  if (first.scope.path.length > 0 || between.length !== 1 || between[0]?.op !== 'Relu' || mayPad(second)) return null
  const known = statistics.get(first.node.outputs[0] ?? '') ?? behindRelu(statistics.get(between[0].outputs[0] ?? ''))
  if (known === undefined || known.mean.length !== first.outputChannels) return null
  const { mean, deviation, least } = known
  if (least === undefined && deviation === undefined) return null
  const shift = mean.map((value, channel) => {
    const bottom = least?.[channel] ?? value - SPREAD * (deviation?.[channel] ?? Number.POSITIVE_INFINITY)
    return Number.isFinite(bottom) ? Math.max(0, bottom) : 0
  })
  return shift.some((value) => value > 0) ? shift : null
}

/** Of what a ReLU gives only the least values say something of what it reads. */
function behindRelu(known: ChannelStatistics | undefined): ChannelStatistics | undefined {
  return known?.least === undefined ? undefined : { mean: known.mean, least: known.least }
}
