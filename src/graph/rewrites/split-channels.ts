import type { Model } from '../../model/graph.ts'
import { intAttribute } from '../attributes.ts'
import type { ReadSmall } from '../constant-nodes.ts'
import { floatConstant, readFloats } from './float-constants.ts'
import { type LayerPair, layerPairs } from './layer-pairs.ts'
import { biasOf, biasPerChannel, type Product, withConstants } from './products.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

/** Least and most of every channel of a value. */
export interface ChannelRanges {
  readonly least: ArrayLike<number>
  readonly most: ArrayLike<number>
}

export interface SplitChannels extends RewrittenModel {
  /** Values that have more channels now. */
  readonly widened: ReadonlySet<string>
}

/** Channels that are added, of those there are. */
const MOST_SHARE = 1 / 16
/** What the square of a step of the grid has to fall to, the work that is added counted. */
const WORTH = 0.7
/** How much dearer the work is than the noise. */
const WORK = 4

/**
 * Outlier channels split in two (Zhao et al. 2019): a channel that alone sets the range of an activation is computed twice at half its size, and
 * the next product reads both halves with the same weights. All other channels get finer steps. Only between a Conv or Gemm and the next
 * product, without groups, where the square of the step falls by 30 % at least for a sixteenth more channels at most. Statistics
 * go by names of values of the main graph with channels on axis 1. The function stays the same, exactly but for the order of sums.
 */
export async function splitChannels(
  model: Model,
  read: ReadSmall,
  ranges: ReadonlyMap<string, ChannelRanges>,
): Promise<SplitChannels> {
  const revision = new Revision(model, 'split')
  const widened = new Set<string>()
  for (const pair of layerPairs(revision)) {
    const { first, second } = pair
    if (!isPlain(pair) || revision.isTouched(first.node) || revision.isTouched(second.node)) continue
    const seen = ranges.get(pair.values.at(-1) ?? '') ?? ranges.get(pair.values[0] ?? '')
    const chosen = seen === undefined ? [] : outliersOf(seen, first.outputChannels)
    if (chosen.length === 0) continue
    const [before, behind] = [await readFloats(first.tensor, read), await readFloats(second.tensor, read)]
    const bias = biasOf(first, revision.connections)
    const stored = bias.kind === 'constant' ? await readFloats(bias.tensor, read) : null
    if (before === null || behind === null || (bias.kind === 'constant' && stored === null)) continue
    const halved = widen(first, halves(first, before, chosen), outputAxis(first), chosen)
    const biasName =
      stored === null ? null : constant(first, `${first.node.inputs[2]}`, [], halvesOf(first, stored, chosen), revision)
    const weight = constant(first, first.weight.name, halved.shape, halved.values, revision)
    revision.replace(first.node, [withConstants(first, weight, biasName)])
    const doubled = widen(second, behind, 1 - outputAxis(second), chosen)
    const other = constant(second, second.weight.name, doubled.shape, doubled.values, revision)
    revision.replace(second.node, [withConstants(second, other, null)])
    for (const name of pair.values) widened.add(name)
    const label = second.node.name || (second.node.outputs[0] ?? '')
    revision.done(first.scope, first.node, `${chosen.length} channels split in two on the way to "${label}"`)
  }
  const result = revision.finish()
  const { graph } = result.model
  // Declared shapes would have the old number of channels.
  const values = graph.values.filter(({ name }) => !widened.has(name))
  const changed = widened.size === 0 ? result.model : { ...result.model, graph: { ...graph, values } }
  return { ...result, model: changed, widened }
}

/** Channels to split, the largest first; none where it is not worth it. A channel may be split once. */
export function outliersOf({ least, most }: ChannelRanges, count: number): readonly number[] {
  if (least.length !== count || most.length !== count) return []
  const size = (channel: number): number => Math.max(-(least[channel] as number), most[channel] as number, 0)
  const order = Array.from({ length: count }, (_, channel) => channel).sort((a, b) => size(b) - size(a) || a - b)
  const limit = Math.max(1, Math.floor(count * MOST_SHARE))
  const whole = stepOf(least, most, new Set())
  let best: readonly number[] = []
  let cost = WORTH
  for (let wanted = 1; wanted <= Math.min(limit, count - 1); wanted++) {
    const chosen = order.slice(0, wanted)
    const step = stepOf(least, most, new Set(chosen)) / whole
    const own = step * step * (1 + (WORK * wanted) / count)
    if (own < cost) [best, cost] = [chosen, own]
  }
  return best
}

/** Width of the grid that all channels share. */
function stepOf(least: ArrayLike<number>, most: ArrayLike<number>, split: ReadonlySet<number>): number {
  let [low, high] = [0, 0]
  for (let channel = 0; channel < least.length; channel++) {
    const part = split.has(channel) ? 0.5 : 1
    low = Math.min(low, part * (least[channel] as number))
    high = Math.max(high, part * (most[channel] as number))
  }
  return high - low
}

/** Pairs in the main graph without groups, and without anything between that has constants for each channel. */
function isPlain({ first, second, between }: LayerPair): boolean {
  if (first.scope.path.length > 0 || between.some(({ op }) => op === 'PRelu')) return false
  const whole = [first, second].every(({ node, op }) => op !== 'ConvTranspose' && intAttribute(node, 'group', 1) === 1)
  return whole && first.op !== 'MatMul'
}

/** 0 where rows of the stored weight are outputs. */
function outputAxis({ op, rows, outputOf }: Product): 0 | 1 {
  return op === 'Conv' || (rows > 1 && outputOf(1, 0) === 1) ? 0 : 1
}

function halves(product: Product, values: Float64Array, chosen: readonly number[]): Float64Array {
  const { rows, columns, run, outputOf } = product
  const split = new Set(chosen)
  const result = values.slice()
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at += run) {
      if (!split.has(outputOf(row, column))) continue
      for (let i = at; i < at + run; i++) result[i] = 0.5 * (values[i] as number)
    }
  }
  return result
}

function halvesOf(product: Product, stored: Float64Array, chosen: readonly number[]): Float64Array {
  const bias = biasPerChannel(product, stored)
  for (const channel of chosen) bias[channel] = 0.5 * (bias[channel] as number)
  return Float64Array.of(...bias, ...chosen.map((channel) => bias[channel] as number))
}

/** The weight with copies of some rows (axis 0) or columns (1) behind the others. */
function widen(
  { tensor, rows, columns, run }: Product,
  values: Float64Array,
  axis: number,
  chosen: readonly number[],
): { readonly shape: readonly number[]; readonly values: Float64Array } {
  const shape = tensor.shape.map((size, at) => (at === axis ? size + chosen.length : size))
  const width = axis === 1 ? columns + chosen.length : columns
  const result = new Float64Array((axis === 0 ? rows + chosen.length : rows) * width * run)
  const from = (row: number, column: number): number => {
    const own = axis === 0 && row >= rows ? (chosen[row - rows] as number) : row
    return (own * columns + (axis === 1 && column >= columns ? (chosen[column - columns] as number) : column)) * run
  }
  for (let row = 0, at = 0; at < result.length; row++) {
    for (let column = 0; column < width; column++, at += run) {
      const start = from(row, column)
      result.set(values.subarray(start, start + run), at)
    }
  }
  return { shape, values: result }
}

function constant(
  { scope, tensor }: Product,
  base: string,
  shape: readonly number[],
  values: Float64Array,
  revision: Revision,
): string {
  const name = revision.fresh(base)
  revision.add(scope, floatConstant(name, tensor.dtype, shape.length === 0 ? [values.length] : shape, values))
  return name
}
