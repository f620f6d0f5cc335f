import { TersorError } from '../errors.ts'
import { freshNames, readsOf } from '../graph/index.ts'
import { boundsOf, Site } from '../graph/placement/index.ts'
import type { Attribute, Graph, Model, Node } from '../model/graph.ts'
import type { ValueRange } from '../model/observer.ts'
import type { Feeds } from '../model/runtime.ts'
import { tappedModel } from './tapped-model.ts'
import { readSmall } from './tensor-bytes.ts'

/** Outputs of a copy that gives ranges: lowest and highest elements one after the other, and the highest ones of channels. */
const [ENDS, POOLS] = ['tersor.ends', 'tersor.pools']
/** As Cast and TensorProto count f32. */
const F32 = 1

/** What a copy gives ranges of, and how. */
export interface Ranged {
  /** Floats of the main graph with at least one element. */
  readonly values: readonly string[]
  /**
   * Those that are never below 0, with how many channels they have: of them the copy gives the highest element of each channel, and 0 is taken for
   * the lowest. GlobalMaxPool works in the layout that convolutions have, a minimum would have the value copied into another one first.
   */
  readonly pooled: ReadonlyMap<string, number>
  /** Those whose range also says whether all of the value is finite: the lowest element is NaN where it is not. Minima and maxima pass over NaN. */
  readonly checked: ReadonlySet<string>
}

/** The graph giving ranges. */
export function rangedModel(model: Model, { values, pooled, checked }: Ranged): Model {
  const { carrier: _carrier, ...tapped } = tappedModel(model, values)
  const { carrier: _graphCarrier, ...graph } = tapped.graph
  const fresh = freshNames(tapped)
  const [one, zero] = [fresh('one'), fresh('zero')]
  const constants = [
    constant(one, 'i64', Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0])),
    constant(zero, 'f32', new Uint8Array(4)),
  ]
  const types = new Map([...graph.values, ...graph.outputs].map(({ name, dtype }) => [name, dtype]))
  const ends: string[] = []
  const pools: string[] = []
  const reduced = (op: string, value: string, part: string): readonly Node[] => {
    const [end, single] = [fresh('range'), fresh('range')]
    const keepdims = { name: 'keepdims', kind: 'int' as const, value: 0 }
    return [made(op, [value], end, keepdims), cast(end, single), made('Reshape', [single, one], part)]
  }
  // Zero times what is not finite is NaN, and so is every sum with it.
  const nothingOf = (value: string, part: string): readonly Node[] => {
    const [wide, none] = [fresh('wide'), fresh('none')]
    return [cast(value, wide), made('Mul', [wide, zero], none), ...reduced('ReduceSum', none, part)]
  }
  const nodes = values.flatMap((value) => {
    if (pooled.has(value)) {
      const pool = fresh('pool')
      pools.push(pool)
      return [made('GlobalMaxPool', [value], pool)]
    }
    // The executor has no minimum of halves.
    const isHalf = types.get(value) === 'f16'
    const from = isHalf ? fresh('wide') : value
    const widened = isHalf ? [cast(value, from)] : []
    const [low, high, nothing, lowest] = [fresh('low'), fresh('high'), fresh('nothing'), fresh('lowest')]
    const isChecked = checked.has(value)
    ends.push(isChecked ? lowest : low, high)
    return [
      ...widened,
      ...reduced('ReduceMin', from, low),
      ...reduced('ReduceMax', from, high),
      ...(isChecked ? [...nothingOf(from, nothing), made('Add', [low, nothing], lowest)] : []),
    ]
  })
  const given = [
    { from: ends, name: ENDS, axis: 0, shape: [ends.length] },
    { from: pools, name: POOLS, axis: 1, shape: [null, widthOf(pooled), 1, 1] },
  ].filter(({ from }) => from.length > 0)
  const joined = given.map(({ from, name, axis }) =>
    made('Concat', from, name, { name: 'axis', kind: 'int', value: axis }),
  )
  return {
    ...tapped,
    graph: {
      ...graph,
      nodes: [...graph.nodes, ...nodes, ...joined],
      initializers: [...graph.initializers, ...constants],
      // What is given no longer is still known by its type.
      values: [...graph.values, ...graph.outputs],
      outputs: given.map(({ name, shape }) => ({ name, dtype: 'f32', shape })),
    },
  }
}

/** What such a copy gave, value by value. E_RUNTIME where that is not as many numbers as there have to be. */
export function rangesIn(results: Feeds, { values, pooled }: Pick<Ranged, 'values' | 'pooled'>): readonly ValueRange[] {
  const [ends, pools] = [ENDS, POOLS].map((name) => floatsIn(results, name)) as [Float32Array, Float32Array]
  const width = widthOf(pooled)
  if (ends.length !== 2 * (values.length - pooled.size) || (width === 0 ? 0 : pools.length % width) !== 0) {
    throw new TersorError('E_RUNTIME', 'the executor gave other ranges than were asked for')
  }
  let [at, first] = [0, 0]
  return values.map((value) => {
    const channels = pooled.get(value)
    if (channels === undefined) {
      at += 2
      return { min: ends[at - 2] as number, max: ends[at - 1] as number }
    }
    first += channels
    return { min: 0, max: mostOf(pools, first - channels, channels, width) }
  })
}

/** Those of the values whose ranges a copy finds channel by channel: pictures of these shapes that cannot be below 0. */
export async function pooledOf(
  model: Model,
  values: readonly string[],
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<ReadonlyMap<string, number>> {
  const site = await Site.of(model, readSmall, shapes)
  const bounds = await boundsOf(site)
  const types = new Map([...model.graph.values, ...model.graph.outputs].map(({ name, dtype }) => [name, dtype]))
  const pooled = new Map<string, number>()
  for (const name of values) {
    const shape = shapes.get(name)
    const isSingle = (types.get(name) ?? site.dtype(name)) === 'f32'
    if (shape?.length === 4 && isSingle && (bounds.get(name)?.min ?? -1) >= 0) pooled.set(name, shape[1] as number)
  }
  return pooled
}

/** Those of the values that lead to no other of them. */
export function lastOf({ nodes }: Graph, values: readonly string[]): ReadonlySet<string> {
  const wanted = new Set(values)
  const leading = new Set<string>()
  for (const node of [...nodes].reverse()) {
    if (node.outputs.some((name) => wanted.has(name) || leading.has(name)))
      for (const name of readsOf(node)) leading.add(name)
  }
  return new Set(values.filter((name) => !leading.has(name)))
}

function widthOf(pooled: ReadonlyMap<string, number>): number {
  return [...pooled.values()].reduce((sum, channels) => sum + channels, 0)
}

/** NaN where there is one. */
function mostOf(pools: Float32Array, first: number, channels: number, width: number): number {
  let max = 0
  for (let row = first; row < pools.length; row += width)
    for (let channel = row; channel < row + channels; channel++) max = Math.max(max, pools[channel] as number)
  return max
}

function floatsIn(results: Feeds, name: string): Float32Array {
  const data = Object.hasOwn(results, name) ? results[name]?.data : undefined
  return data instanceof Uint8Array ? new Float32Array(data.slice().buffer) : new Float32Array(0)
}

function constant(name: string, dtype: 'i64' | 'f32', bytes: Uint8Array) {
  return { name, dtype, shape: [1], storage: { kind: 'bytes' as const, bytes, byteLength: bytes.length } }
}

function cast(input: string, output: string): Node {
  return made('Cast', [input], output, { name: 'to', kind: 'int', value: F32 })
}

function made(op: string, inputs: readonly string[], output: string, ...attributes: readonly Attribute[]): Node {
  return { name: '', op, domain: '', inputs, outputs: [output], attributes }
}
