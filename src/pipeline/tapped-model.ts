import { freshNames, readsOf } from '../graph/index.ts'
import type { DType } from '../model/dtype.ts'
import type { Model, Node, ValueInfo } from '../model/graph.ts'
import { BodyTaps } from './tapped-bodies.ts'

/** Values that can be looked at, those inside bodies under their keys (`bodyValueKey`), and why the others cannot. */
export interface Taps {
  /** Given by nodes, of the main graph or inside bodies: graph outputs of a tapped copy. */
  readonly values: readonly string[]
  /** Graph inputs: seen in the feeds. */
  readonly inputs: readonly string[]
  readonly skipped: ReadonlyMap<string, string>
}

/** Element types of values that have statistics. */
export const FLOATS: ReadonlySet<string> = new Set(['f32', 'f16', 'f64'])

/** Sorts asked-for values. Element types that nothing declares show when the model runs. */
export function tapsOf(model: Model, asked: readonly string[]): Taps {
  const { graph } = model
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  const constants = new Set([...graph.initializers.map(({ name }) => name), ...graph.sparseInitializers])
  const made = new Set<string>()
  for (const node of graph.nodes) {
    for (const name of node.outputs) (node.op === 'Constant' ? constants : made).add(name)
  }
  const infos = new Map([...graph.inputs, ...graph.values, ...graph.outputs].map((info) => [info.name, info]))
  const taps = { values: [] as string[], inputs: [] as string[], skipped: new Map<string, string>() }
  let bodies: BodyTaps | undefined
  for (const name of new Set(asked)) {
    const info = infos.get(name)
    if (constants.has(name)) taps.skipped.set(name, 'a constant')
    else if (info?.dtype !== undefined && !FLOATS.has(info.dtype))
      taps.skipped.set(name, `elements of type ${info.dtype}`)
    else if (inputs.has(name)) taps.inputs.push(name)
    else if (made.has(name)) taps.values.push(name)
    else {
      bodies ??= new BodyTaps(model)
      const reason = bodies.reason(name, FLOATS)
      if (reason === null) taps.values.push(name)
      else taps.skipped.set(name, reason ?? 'no value of the main graph or of a body')
    }
  }
  return taps
}

/** The same graph giving `values` (and `also`) instead of its outputs, without the nodes that only fed other outputs. */
export function tappedModel(
  model: Model,
  values: readonly string[],
  also: readonly string[] = [],
  types: ReadonlyMap<string, DType> = new Map(),
): Model {
  const exposed = withBodyValues(model, values, types)
  const { graph } = exposed
  const infos = new Map([...graph.values, ...graph.outputs].map((info) => [info.name, info]))
  const outputs = [...new Set([...values, ...also])].map((name): ValueInfo => infos.get(name) ?? { name })
  return withOutputs(exposed, graph.nodes, outputs)
}

/** The same graph giving how many elements each value has, and the name of each figure. */
export function sizedModel(
  model: Model,
  values: readonly string[],
): { readonly model: Model; readonly sizes: ReadonlyMap<string, string> } {
  const { model: sized, facts } = factsModel(model, values, 'Size')
  return { model: sized, sizes: facts }
}

/** The same graph giving the shape of each value, and the name of each shape. */
export function shapedModel(
  model: Model,
  values: readonly string[],
): { readonly model: Model; readonly shapes: ReadonlyMap<string, string> } {
  const { model: shaped, facts } = factsModel(model, values, 'Shape')
  return { model: shaped, shapes: facts }
}

function factsModel(
  model: Model,
  values: readonly string[],
  op: 'Size' | 'Shape',
): { readonly model: Model; readonly facts: ReadonlyMap<string, string> } {
  const exposed = withBodyValues(model, values)
  const fresh = freshNames(exposed)
  const facts = new Map(values.map((name) => [name, fresh(`${name}.${op.toLowerCase()}`)]))
  const nodes = [...facts].map(([value, fact]): Node => {
    return { name: '', op, domain: '', inputs: [value], outputs: [fact], attributes: [] }
  })
  const outputs = [...facts.values()].map(
    (name): ValueInfo => ({ name, dtype: 'i64', ...(op === 'Size' ? { shape: [] } : {}) }),
  )
  return { model: withOutputs(exposed, [...exposed.graph.nodes, ...nodes], outputs), facts }
}

/** The main graph gives what is asked of bodies. */
function withBodyValues(model: Model, values: readonly string[], types: ReadonlyMap<string, DType> = new Map()): Model {
  const made = new Set(model.graph.nodes.flatMap((node) => node.outputs))
  const inside = values.filter((name) => !made.has(name))
  return inside.length === 0 ? model : new BodyTaps(model).expose(inside, types)
}

function withOutputs(model: Model, nodes: readonly Node[], outputs: readonly ValueInfo[]): Model {
  const kept = neededFor(
    nodes,
    outputs.map(({ name }) => name),
  )
  const { carrier: _carrier, ...graph } = model.graph
  const given = new Set(outputs.map(({ name }) => name))
  const made = new Set(kept.flatMap((node) => node.outputs))
  const values = graph.values.filter(({ name }) => made.has(name) && !given.has(name))
  // What nobody reads need not be written and loaded; without its default an input would have to be fed.
  const used = new Set([...given, ...kept.flatMap(readsOf), ...graph.inputs.map(({ name }) => name)])
  const initializers = graph.initializers.filter(({ name }) => used.has(name))
  const { carrier: _modelCarrier, ...plain } = model
  return { ...plain, graph: { ...graph, nodes: kept, initializers, values, outputs } }
}

/** Nodes that the named values depend on, in their order. */
function neededFor(nodes: readonly Node[], names: readonly string[]): readonly Node[] {
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
  const needed = new Set<Node>()
  const open = [...names]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = makers.get(name)
    if (node === undefined || needed.has(node)) continue
    needed.add(node)
    for (const read of readsOf(node)) open.push(read)
  }
  return nodes.filter((node) => needed.has(node))
}
