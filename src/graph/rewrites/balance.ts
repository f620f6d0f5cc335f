import type { Model } from '../../model/graph.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { ReadSmall } from '../constant-nodes.ts'
import { opsetOf } from '../opsets.ts'
import { type BalanceGroup, type BalanceRow, balanceOf } from './balance-scales.ts'
import { ChannelFlow, type Channels, type FlowProduct } from './channel-flow.ts'
import { Unions } from './channel-unions.ts'
import type { Equalized } from './equalize.ts'
import { floatConstant, readFloats } from './float-constants.ts'
import { Revision } from './revision.ts'
import { scaleProduct } from './scaled-product.ts'

/** Weights looked at and kept in memory as magnitudes; products beyond keep the scale of their channels. */
const MOST_BYTES = 1 << 28

export interface BalanceOptions {
  /** Values that are rounded; default all that statistics are of. */
  readonly rounded?: ReadonlySet<string>
}

/**
 * Channels of activations brought to ranges that suit the grids they share, from statistics: each channel is divided by s > 0 where
 * it is computed and multiplied by s in every product that reads it. Other than equalization by weights alone it knows what
 * the data do, follows channels through sums, Concat, norms, pools and any number of readers (residual nets scale a whole
 * stream at once), and changes only what its estimate of the error says is worth it. The function stays the same.
 */
export async function balanceChannels(
  model: Model,
  read: ReadSmall,
  statistics: Statistics,
  options: BalanceOptions = {},
): Promise<Equalized> {
  const revision = new Revision(model, 'equalize')
  const flow = await ChannelFlow.of(revision, opsetOf(model) ?? 0, read)
  const weights = await weightsOf(flow, read)
  const scales = new Float64Array(flow.unions.size).fill(1)
  for (const group of groupsOf(flow, statistics, weights, options)) {
    const balance = balanceOf(group.of)
    if (balance === null) continue
    for (const [at, root] of group.roots.entries()) scales[root] = balance.scales[at] as number
    const { node } = group.first.product
    const [least, most] = [Math.min(...balance.scales), Math.max(...balance.scales)]
    const spread = `channels divided by ${least.toPrecision(3)} to ${most.toPrecision(3)}`
    const left = `${(100 * balance.left).toFixed(0)} % of the expected error left`
    revision.done(group.first.product.scope, node, `${node.op} and what reads it: ${spread}, ${left}`)
  }
  const of = (channels: Channels): Float64Array =>
    Float64Array.from({ length: channels.count }, (_, at) => scales[flow.unions.root(channels.first + at)] as number)
  for (const { product, input, output } of flow.products) {
    const byInput = input === null ? ones(product.inputChannels) : of(input)
    const byOutput = output === null ? ones(product.outputChannels) : of(output).map((scale) => 1 / scale)
    if (isOne(byInput) && isOne(byOutput)) continue
    await scaleProduct(product, byOutput, byInput, revision, read)
  }
  replaceConstants(flow, of, revision)
  const changed = new Map<string, Float64Array>()
  for (const [name, channels] of flow.values) {
    const scale = of(channels)
    if (!isOne(scale)) changed.set(name, scale)
  }
  return { ...revision.finish(), scales: changed }
}

/** A group of channels that lie in common values. */
interface Group {
  readonly roots: readonly number[]
  readonly first: FlowProduct
  readonly of: BalanceGroup
}

/** Of each product's weight: sum of squares a run, and largest magnitude. */
interface Magnitudes {
  readonly largest: Float32Array
  readonly squares: Float64Array
}

async function weightsOf(flow: ChannelFlow, read: ReadSmall): Promise<ReadonlyMap<FlowProduct, Magnitudes>> {
  const found = new Map<FlowProduct, Magnitudes>()
  let held = 0
  for (const one of flow.products) {
    const { tensor, rows, columns, run } = one.product
    held += tensor.storage.byteLength
    const values = held > MOST_BYTES ? null : await readFloats(tensor, read)
    if (values === null || !values.every(Number.isFinite)) {
      for (const channels of [one.input, one.output]) if (channels !== null) flow.hold(channels)
      continue
    }
    const largest = new Float32Array(rows * columns)
    const squares = new Float64Array(rows * columns)
    for (let cell = 0, at = 0; cell < largest.length; cell++) {
      let [most, sum] = [0, 0]
      for (const end = at + run; at < end; at++) {
        const value = values[at] as number
        most = Math.max(most, Math.abs(value))
        sum += value * value
      }
      largest[cell] = most
      squares[cell] = sum
    }
    found.set(one, { largest, squares })
  }
  return found
}

function groupsOf(
  flow: ChannelFlow,
  statistics: Statistics,
  weights: ReadonlyMap<FlowProduct, Magnitudes>,
  { rounded }: BalanceOptions,
): readonly Group[] {
  const fixed = flow.fixedRoots()
  const together = new Unions()
  together.add(flow.unions.size)
  const spans = new Map<string, Channels>()
  for (const channels of flow.values.values()) {
    spans.set(`${channels.first} ${channels.count}`, channels)
  }
  for (const { first, count } of spans.values()) {
    for (let at = 1; at < count; at++) together.join(flow.unions.root(first), flow.unions.root(first + at))
  }
  const members = new Map<number, number[]>()
  for (let at = 0; at < flow.unions.size; at++) {
    if (flow.unions.root(at) !== at) continue
    const key = together.root(at)
    const list = members.get(key)
    if (list === undefined) members.set(key, [at])
    else list.push(at)
  }
  const groups: Group[] = []
  for (const [key, roots] of members) {
    if (roots.every((root) => fixed.has(root))) continue
    const inGroup = (channels: Channels | null): channels is Channels =>
      channels !== null && together.root(flow.unions.root(channels.first)) === key
    const readers = flow.products.filter(({ input }) => inGroup(input))
    const first = flow.products.find(({ output }) => inGroup(output)) ?? readers[0]
    if (first === undefined || readers.length === 0) continue
    const positions = new Map(roots.map((root, at) => [root, at]))
    const position = (channel: number): number => positions.get(flow.unions.root(channel)) as number
    const named = [...flow.values].filter(([name, channels]) => {
      return inGroup(channels) && statistics.values.has(name) && (rounded?.has(name) ?? true)
    })
    const seen = seenIn(named, statistics, roots.length, position)
    if (seen === null) continue
    const read = readBy(readers, weights, roots.length, position)
    groups.push({
      roots,
      first,
      of: { count: roots.length, fixed: roots.map((root) => fixed.has(root)), ...seen, ...read },
    })
  }
  return groups
}

function seenIn(
  named: readonly (readonly [string, Channels])[],
  statistics: Statistics,
  count: number,
  position: (channel: number) => number,
): Pick<BalanceGroup, 'values' | 'energies'> | null {
  const energies = new Float64Array(count)
  const values: { least: Float64Array; most: Float64Array }[] = []
  for (const [name, { first, count: own }] of named) {
    const channels = statistics.values.get(name)?.channels
    if (channels?.axis !== 1 || channels.min.length !== own || channels.count === 0) continue
    const least = new Float64Array(count).fill(Number.NaN)
    const most = new Float64Array(count).fill(Number.NaN)
    for (let channel = 0; channel < own; channel++) {
      const at = position(first + channel)
      const [low, high] = [channels.min[channel] as number, channels.max[channel] as number]
      least[at] = Number.isNaN(least[at]) ? low : Math.min(least[at] as number, low)
      most[at] = Number.isNaN(most[at]) ? high : Math.max(most[at] as number, high)
      energies[at] = Math.max(energies[at] as number, (channels.squares[channel] as number) / channels.count)
    }
    values.push({ least, most })
  }
  return values.length === 0 ? null : { values, energies }
}

function readBy(
  readers: readonly FlowProduct[],
  weights: ReadonlyMap<FlowProduct, Magnitudes>,
  count: number,
  position: (channel: number) => number,
): Pick<BalanceGroup, 'gains' | 'rows'> {
  const gains = new Float64Array(count)
  const rows: BalanceRow[] = []
  for (const one of readers) {
    const magnitudes = weights.get(one)
    if (magnitudes === undefined || one.input === null) continue
    const { product, input } = one
    const lists = new Map<number, { channels: number[]; sizes: number[] }>()
    for (let row = 0, cell = 0; row < product.rows; row++) {
      for (let column = 0; column < product.columns; column++, cell++) {
        const channel = position(input.first + product.inputOf(row, column))
        gains[channel] = (gains[channel] as number) + (magnitudes.squares[cell] as number)
        const output = product.outputOf(row, column)
        const list = lists.get(output) ?? { channels: [], sizes: [] }
        lists.set(output, list)
        list.channels.push(channel)
        list.sizes.push(magnitudes.largest[cell] as number)
      }
    }
    for (const { channels, sizes } of lists.values()) {
      rows.push({ channels: Int32Array.from(channels), magnitudes: Float64Array.from(sizes), run: product.run })
    }
  }
  return { gains, rows }
}

function replaceConstants(flow: ChannelFlow, of: (channels: Channels) => Float64Array, revision: Revision): void {
  const scope = revision.connections.scopes[0]
  if (scope === undefined) return
  const changed = new Map<(typeof flow.constants)[number]['node'], string[]>()
  for (const { node, index, tensor, values, channels } of flow.constants) {
    const scale = of(channels)
    if (isOne(scale)) continue
    const inputs = changed.get(node) ?? [...node.inputs]
    const name = revision.fresh(node.inputs[index] ?? '')
    const isVector = node.op !== 'Add' && node.op !== 'Sub'
    const shape = isVector ? [channels.count] : [channels.count, ...new Array<number>(channels.rank - 2).fill(1)]
    const scaled = values.map((value, channel) => value / (scale[channel] as number))
    revision.add(scope, floatConstant(name, tensor.dtype, shape, scaled))
    inputs[index] = name
    changed.set(node, inputs)
  }
  for (const [node, inputs] of changed) revision.replace(node, [{ ...node, inputs }])
}

function ones(count: number): Float64Array {
  return new Float64Array(count).fill(1)
}

function isOne(scales: Float64Array): boolean {
  return scales.every((scale) => scale === 1)
}
