import { floatsOf as valueFloats } from '../../calibration/convert.ts'
import type { SampleSet } from '../../calibration/index.ts'
import { spreadPositions } from '../../calibration/unfold.ts'
import { asSingles } from '../../calibration/value-collector.ts'
import { connect } from '../../graph/index.ts'
import type { Model } from '../../model/graph.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { Sample } from '../../model/runtime.ts'
import type { MatrixView } from '../../model/scheme.ts'
import type { Tools } from '../../model/tools.ts'
import { breather } from '../breath.ts'
import { scanDepth } from '../depth-scan.ts'
import type { FitInput, FitResult } from '../fitting/fitted.ts'
import { PrefixLine } from '../fitting/prefix-line.ts'
import { segmentsOf } from '../fitting/segments.ts'
import { floatsOf } from '../floats.ts'
import type { ModelSessions } from '../model-sessions.ts'
import type { WeightWork } from '../plan.ts'
import { inverseOf, storable, type Transformed } from '../transformed.ts'
import { ALPHAS, smoothBalance } from './balances.ts'
import { foldInFront, productsByValue, worksByName } from './fold-balances.ts'
import { productError, type SomeChannels, type SomeRows, type Variant } from './product-error.ts'

/** Rows and channels that errors are measured on. */
const ROWS = 192
const CHANNELS = 48
/** A balance must leave at most this share of the error; where it brings a multiplication that was not there, less. */
const WORTH = 0.97
const WORTH_A_NODE = 0.85

/** A product of integers and the view of its weight. */
interface Product {
  readonly work: WeightWork
  readonly view: MatrixView
  readonly some: SomeChannels
}

/**
 * Balances activations against the weights that multiply them by what the data show: for all products that read one value, the
 * share of the activations' size that leaves the least error of the products, against what was found without data. The float model is
 * run layer by layer; errors are measured on some rows and channels.
 */
export async function smoothProducts(
  { model, plan }: FitInput,
  set: SampleSet,
  openSessions: () => ModelSessions,
  tools: Tools,
): Promise<FitResult> {
  const smoothed = new Map<WeightFacts, Transformed & { readonly because: string }>()
  const groups = groupsOf(model, plan.work)
  const connections = connect(model)
  const named = worksByName(plan.work)
  const samples: Sample[] = []
  for (let index = 0; index < set.count; index++) samples.push(await set.at(index))
  const sessions = openSessions()
  try {
    const operands = groups.map(([operand]) => operand)
    const line = new PrefixLine('float', model, segmentsOf(model, operands), samples, sessions, tools)
    const breathe = breather()
    for (const [index, [operand, works]] of groups.entries()) {
      tools.signal?.throwIfAborted()
      tools.notify({ phase: 'smooth', done: index, total: groups.length, note: works[0]?.weight.name ?? '' })
      await breathe()
      await line.advance(new Map())
      const depth = works[0]?.weight.uses[0]?.view?.depth ?? 0
      const seen = seenOf(line, operand, depth)
      line.forget()
      if (seen === null) continue
      const fold = await foldInFront(operand, works, named, connections)
      const found = await balanced(works, seen, typeof fold !== 'string', tools)
      if (found) for (const [work, transformed] of found) smoothed.set(work.weight, transformed)
    }
  } finally {
    await sessions.close()
  }
  return { fitted: new Map(), refused: new Map(), notes: [], smoothed }
}

/** Integer products by the value they read, in the order in which these are computed. */
function groupsOf(
  { graph }: Model,
  works: readonly WeightWork[],
): readonly (readonly [string, readonly WeightWork[]])[] {
  const made = new Map<string, number>()
  for (const [index, node] of graph.nodes.entries()) for (const name of node.outputs) made.set(name, index)
  const named = [...productsByValue(works)].filter(([, [first, ...rest]]) => {
    const depth = first?.weight.uses[0]?.view?.depth
    return rest.every(({ weight }) => weight.uses[0]?.view?.depth === depth)
  })
  return named.sort(([a], [b]) => (made.get(a) ?? -1) - (made.get(b) ?? -1))
}

interface Seen {
  /** Largest magnitudes at each index of the depth, over all rows of all samples. */
  readonly largest: Float64Array
  readonly rows: SomeRows
}

/** Null where the value has no rows of the depth, or is not finite. */
function seenOf(line: PrefixLine, operand: string, depth: number): Seen | null {
  const largest = new Float64Array(depth)
  const taken: Float32Array[] = []
  const wanted = Math.max(1, Math.ceil(ROWS / Math.max(1, line.samples)))
  for (let sample = 0; sample < line.samples; sample++) {
    const value = line.value(sample, operand)
    if (value?.dtype !== 'f32' || value.shape.at(-1) !== depth || depth === 0) return null
    const values = asSingles(valueFloats(value))
    const count = values.length / depth
    for (let i = 0; i < values.length; i++) {
      const size = Math.abs(values[i] as number)
      if (!(size < Number.POSITIVE_INFINITY)) return null
      if (size > (largest[i % depth] as number)) largest[i % depth] = size
    }
    for (const row of spreadPositions(count, wanted, sample * 7919))
      taken.push(values.slice(row * depth, (row + 1) * depth))
  }
  if (taken.length === 0) return null
  const rows = new Float32Array(taken.length * depth)
  for (const [i, row] of taken.entries()) rows.set(row, i * depth)
  return { largest, rows: { values: rows, count: taken.length } }
}

/** What becomes of the products of one value; null where what they have is as good. `isFree`: a balance takes no node. */
async function balanced(
  works: readonly WeightWork[],
  { largest, rows }: Seen,
  isFree: boolean,
  tools: Tools,
): Promise<ReadonlyMap<WeightWork, Transformed & { readonly because: string }> | null> {
  const products: Product[] = []
  const weights = new Float64Array(largest.length)
  for (const work of works) {
    const view = work.weight.uses[0]?.view as MatrixView
    const facts = await scanDepth(work.weight, view, tools)
    const most = facts.largest.reduce((a, b) => Math.max(a, b), 0)
    if (most > 0)
      for (const [k, size] of facts.largest.entries()) weights[k] = Math.max(weights[k] as number, size / most)
    products.push({ work, view, some: await someChannels(work.weight, view, tools) })
  }
  const total = (variant: (product: Product) => Variant): number =>
    products.reduce((sum, product) => {
      const { work, some } = product
      return sum + productError(some, rows, variant(product), work.spec as IntegerSpec, tools.kernels, work.weight.name)
    }, 0)
  const now = total(({ work }) => ({ ...work, least: leastOf(work) }))
  let best: { readonly error: number; readonly alpha: number; readonly balance: Float32Array } | undefined
  for (const alpha of ALPHAS) {
    const wanted = smoothBalance(largest, weights, alpha)
    if (wanted === null) return null
    const balance = storable(wanted)
    const error = total(() => ({ balance, inverse: inverseOf(balance), least: null }))
    if (best === undefined || error < best.error) best = { error, alpha, balance }
  }
  const worth = isFree || works.every(({ inverse }) => inverse !== undefined) ? WORTH : WORTH_A_NODE
  if (best === undefined || !(best.error <= worth * now)) return null
  const { alpha, balance, error } = best
  const because = `balanced against its input with alpha ${alpha}: ${((100 * error) / now).toFixed(0)} % of the product's error on the data remain`
  return new Map(works.map((work) => [work, { balance, inverse: inverseOf(balance), because }]))
}

function leastOf({ least }: WeightWork): number | null {
  return least === undefined ? null : ([...least.values()][0] ?? null)
}

/** Channels evenly spread over a weight. */
async function someChannels(weight: WeightFacts, view: MatrixView, { kernels }: Tools): Promise<SomeChannels> {
  const { channels, depth, along } = view
  const count = Math.min(CHANNELS, channels)
  const values = new Float32Array(count * depth)
  const chosen = Array.from({ length: count }, (_, i) => Math.floor(((2 * i + 1) * channels) / (2 * count)))
  if (along === 'row') {
    for (const [i, channel] of chosen.entries())
      values.set(await floatsOf(weight.tensor, channel * depth, depth, kernels), i * depth)
    return { values, channels: count, depth }
  }
  const rows = Math.max(1, Math.floor((1 << 20) / channels))
  for (let k = 0; k < depth; k += rows) {
    const taken = Math.min(rows, depth - k)
    const part = await floatsOf(weight.tensor, k * channels, taken * channels, kernels)
    for (let row = 0; row < taken; row++)
      for (const [i, channel] of chosen.entries())
        values[i * depth + k + row] = part[row * channels + channel] as number
  }
  return { values, channels: count, depth }
}
