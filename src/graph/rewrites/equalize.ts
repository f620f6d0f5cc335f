import type { Model } from '../../model/graph.ts'
import type { ReadSmall } from '../constant-nodes.ts'
import { relaxClips, type ValueRange } from './clips.ts'
import { readFloats } from './float-constants.ts'
import { type LayerPair, layerPairs } from './layer-pairs.ts'
import type { Product } from './products.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'
import { scaleProduct } from './scaled-product.ts'

export interface EqualizeOptions {
  /** Ranges of values of the main graph, from samples: with them Clips that cut nothing become Relu first. */
  readonly ranges?: ReadonlyMap<string, ValueRange>
}

export interface Equalized extends RewrittenModel {
  /** By name of a value of the main graph (channels on axis 1): what each of its channels was divided by. */
  readonly scales: ReadonlyMap<string, Float64Array>
}

/** Rounds end when no scale moves by more than this. */
const SETTLED = 1e-3
const MOST_ROUNDS = 100

/** Channels of almost no weight would have their bias blown up: a scale stays within this and its reciprocal. */
const MOST_SCALE = 64

/** New weights kept in memory; pairs beyond stay as they are. */
const MOST_BYTES = 1 << 28

/** A product with the largest magnitude of each run of its weight, and what its channels are multiplied by so far. */
interface Layer {
  readonly product: Product
  readonly magnitudes: Float32Array
  readonly byOutput: Float64Array
  readonly byInput: Float64Array
}

/**
 * Cross-layer equalization (Nagel et al. 2019): where a channel passes from one product to the next through ReLU, leaky or
 * parametric ReLU, pooling or nothing, dividing it by s > 0 in the first and multiplying by s in the second changes nothing. With
 *
 *   s = sqrt(r1 r2) / r2       r1, r2: largest magnitude of the channel's weights in the first and in the second
 *
 * both ranges become equal; repeated over all pairs until scales settle, so that chains (convolution, depthwise, convolution)
 * reach the geometric mean of all three. Values in f64, weights rounded once. A Clip is no ReLU: pairs around it stay unless
 * `ranges` show that it cuts nothing.
 */
export async function equalize(model: Model, read: ReadSmall, options: EqualizeOptions = {}): Promise<Equalized> {
  const relaxed = await relaxClips(model, read, options.ranges ?? new Map())
  const revision = new Revision(relaxed.model, 'equalize')
  const layers = new Map<Product['node'], Layer>()
  const pairs: LayerPair[] = []
  let held = 0
  for (const pair of layerPairs(revision)) {
    const added = [pair.first, pair.second].filter(({ node }) => !layers.has(node))
    const bytes = added.reduce((total, { tensor }) => total + tensor.storage.byteLength, 0)
    if (held + bytes > MOST_BYTES) {
      revision.left(pair.first.scope, pair.first.node, 'its weights would take more memory than is kept')
      continue
    }
    const found = await Promise.all(added.map((product) => layerOf(product, read)))
    if (found.some((one) => one === null)) continue
    for (const one of found) if (one !== null) layers.set(one.product.node, one)
    held += bytes
    pairs.push(pair)
  }
  const scales = settle(pairs, layers)
  const values = new Map<string, Float64Array>()
  const changed = new Set<Layer>()
  for (const [index, pair] of pairs.entries()) {
    const scale = scales[index] as Float64Array
    const [least, most] = [Math.min(...scale), Math.max(...scale)]
    if (least === 1 && most === 1) continue
    const { first, second } = pair
    for (const { node } of [first, second]) changed.add(layers.get(node) as Layer)
    if (first.scope.path.length === 0) for (const name of pair.values) values.set(name, scale)
    const label = second.node.name || (second.node.outputs[0] ?? '')
    const spread = `channels divided by ${least.toPrecision(3)} to ${most.toPrecision(3)}`
    revision.done(first.scope, first.node, `${first.op} equalized with ${second.op} "${label}": ${spread}`)
  }
  for (const { product, byOutput, byInput } of changed) await scaleProduct(product, byOutput, byInput, revision, read)
  const result = revision.finish()
  return {
    model: result.model,
    done: [...relaxed.done, ...result.done],
    left: [...relaxed.left, ...result.left],
    scales: values,
  }
}

async function layerOf(product: Product, read: ReadSmall): Promise<Layer | null> {
  const values = await readFloats(product.tensor, read)
  if (values === null) return null
  const { rows, columns, run } = product
  const magnitudes = new Float32Array(rows * columns)
  for (let cell = 0, at = 0; cell < magnitudes.length; cell++) {
    let largest = 0
    for (const end = at + run; at < end; at++) largest = Math.max(largest, Math.abs(values[at] as number))
    magnitudes[cell] = largest
  }
  // NaN and infinities are for those to name who encode the weight.
  if (!magnitudes.every(Number.isFinite)) return null
  const ones = (count: number): Float64Array => new Float64Array(count).fill(1)
  return { product, magnitudes, byOutput: ones(product.outputChannels), byInput: ones(product.inputChannels) }
}

/** The scale of each pair when they no longer move. */
function settle(pairs: readonly LayerPair[], layers: ReadonlyMap<Product['node'], Layer>): readonly Float64Array[] {
  const scales = pairs.map(({ first }) => new Float64Array(first.outputChannels).fill(1))
  for (let round = 0; round < MOST_ROUNDS; round++) {
    let moved = 0
    for (const [index, pair] of pairs.entries()) {
      const first = layers.get(pair.first.node) as Layer
      const second = layers.get(pair.second.node) as Layer
      const scale = scales[index] as Float64Array
      const [before, behind] = [rangesOf(first, 'byOutput'), rangesOf(second, 'byInput')]
      for (let channel = 0; channel < scale.length; channel++) {
        const [r1, r2] = [before[channel] as number, behind[channel] as number]
        // Without weights on one side there is nothing to balance.
        if (!(r1 > 0) || !(r2 > 0)) continue
        const old = scale[channel] as number
        const wanted = old * (Math.sqrt(r1 * r2) / r2)
        const next = Math.min(MOST_SCALE, Math.max(1 / MOST_SCALE, wanted))
        scale[channel] = next
        first.byOutput[channel] = 1 / next
        second.byInput[channel] = next
        moved = Math.max(moved, Math.abs(next / old - 1))
      }
    }
    if (moved <= SETTLED) break
  }
  return scales
}

/** Largest magnitude of each channel, as scaled so far. */
function rangesOf({ product, magnitudes, byOutput, byInput }: Layer, side: 'byOutput' | 'byInput'): Float64Array {
  const ranges = new Float64Array(side === 'byOutput' ? byOutput.length : byInput.length)
  const { rows, columns } = product
  for (let row = 0, cell = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, cell++) {
      const output = product.outputOf(row, column)
      const input = product.inputOf(row, column)
      const size = (magnitudes[cell] as number) * (byOutput[output] as number) * (byInput[input] as number)
      const channel = side === 'byOutput' ? output : input
      if (size > (ranges[channel] as number)) ranges[channel] = size
    }
  }
  return ranges
}
