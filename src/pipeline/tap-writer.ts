import { freshNames, isStandard } from '../graph/index.ts'
import type { DType } from '../model/dtype.ts'
import type { Attribute, Graph, Model, Node, TensorRef, ValueInfo } from '../model/graph.ts'

/** A value that a scope hands outwards. */
export interface Exposed {
  readonly key: string
  /** Its name in that scope. */
  readonly name: string
  /** What it is cast to on its way. */
  readonly dtype: DType
}

/** A body whose nodes are done, but that does not give what it exposes yet. */
export interface OpenBody {
  readonly graph: Graph
  readonly nodes: readonly Node[]
  readonly exposed: readonly Exposed[]
}

interface Owner {
  /** What stands in the place of the node. */
  readonly nodes: readonly Node[]
  /** What comes out of it. */
  readonly exposed: readonly Exposed[]
}

/** As Cast counts them. */
const CODES: Readonly<Partial<Record<DType, number>>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
}

/** Writes If, Loop and Scan that give more than they did. */
export class TapWriter {
  readonly #fresh: (base: string) => string

  constructor(model: Model) {
    this.#fresh = freshNames(model)
  }

  /** The node with its bodies done; undefined when they expose nothing. `outermost`: outputs are named after the keys. */
  owner(node: Node, open: ReadonlyMap<Graph, OpenBody>, outermost: boolean): Owner | undefined {
    const bodies = new Map<string, OpenBody>()
    for (const attribute of node.attributes) {
      if (attribute.kind !== 'graph') continue
      const body = open.get(attribute.value)
      bodies.set(attribute.name, body ?? { graph: attribute.value, nodes: attribute.value.nodes, exposed: [] })
    }
    const exposed = [...bodies.values()].flatMap((body) => body.exposed)
    if (exposed.length === 0 || !isStandard(node)) return undefined
    const given = exposed.map((one): Exposed => ({ ...one, name: outermost ? one.key : this.#fresh('tap') }))
    const names = given.map(({ name }) => name)
    if (node.op === 'If') return { nodes: [this.#branches(node, bodies, exposed, names)], exposed: given }
    const body = bodies.get('body')
    if (body === undefined) return undefined
    const nodes = node.op === 'Loop' ? this.#loop(node, body, names) : [this.#scan(node, body, names)]
    return { nodes, exposed: given }
  }

  #branches(
    node: Node,
    bodies: ReadonlyMap<string, OpenBody>,
    all: readonly Exposed[],
    names: readonly string[],
  ): Node {
    const graphs = new Map<string, Graph>()
    for (const [step, { graph, nodes, exposed }] of bodies) {
      const more: Node[] = []
      const taps = all.map((one) => {
        const tap = this.#fresh('tap')
        more.push(exposed.includes(one) ? cast(one, tap) : nothing(tap, one.dtype))
        return { name: tap, dtype: one.dtype }
      })
      graphs.set(step, withOutputs(graph, [...nodes, ...more], [...graph.outputs, ...taps]))
    }
    const count = [...bodies.values()][0]!.graph.outputs.length
    return { ...node, outputs: [...padded(node.outputs, count), ...names], attributes: withGraphs(node, graphs) }
  }

  /** A carried value grows by what each iteration gives: iterations may differ in shape. */
  #loop(node: Node, { graph, nodes, exposed }: OpenBody, names: readonly string[]): readonly Node[] {
    const carried = Math.max(node.inputs.length - 2, 0)
    const flat = this.#fresh('tap')
    const empties = exposed.map(({ dtype }) => nothing(this.#fresh('tap'), dtype))
    const more: Node[] = [constant(flat, { dtype: 'i64', shape: [1], bytes: new Uint8Array(8).fill(255) })]
    const inputs: ValueInfo[] = []
    const outputs: ValueInfo[] = []
    for (const one of exposed) {
      const { dtype } = one
      const [before, typed, row, after] = [
        this.#fresh('tap'),
        this.#fresh('tap'),
        this.#fresh('tap'),
        this.#fresh('tap'),
      ]
      more.push(cast(one, typed), made('Reshape', [typed, flat], row))
      more.push(made('Concat', [before, row], after, [{ name: 'axis', kind: 'int', value: 0 }]))
      inputs.push({ name: before, dtype, shape: [null] })
      outputs.push({ name: after, dtype, shape: [null] })
    }
    const split = carried + 1
    const body = withOutputs(
      { ...graph, inputs: [...graph.inputs, ...inputs] },
      [...nodes, ...more],
      [...graph.outputs.slice(0, split), ...outputs, ...graph.outputs.slice(split)],
    )
    const taken = padded(node.outputs, carried)
    const loop: Node = {
      ...node,
      inputs: [...padded(node.inputs, carried + 2), ...empties.map((empty) => empty.outputs[0]!)],
      outputs: [...taken.slice(0, carried), ...names, ...taken.slice(carried)],
      attributes: withGraphs(node, new Map([['body', body]])),
    }
    return [...empties, loop]
  }

  #scan(node: Node, { graph, nodes, exposed }: OpenBody, names: readonly string[]): Node {
    const taps = exposed.map(({ dtype }) => ({ name: this.#fresh('tap'), dtype }))
    const more = exposed.map((one, index) => cast(one, taps[index]!.name))
    const body = withOutputs(graph, [...nodes, ...more], [...graph.outputs, ...taps])
    const attributes = withGraphs(node, new Map([['body', body]])).map((attribute): Attribute => {
      const each = attribute.name === 'scan_output_axes' || attribute.name === 'scan_output_directions'
      return each && attribute.kind === 'ints'
        ? { name: attribute.name, kind: 'ints', value: [...attribute.value, ...taps.map(() => 0)] }
        : attribute
    })
    return { ...node, outputs: [...padded(node.outputs, graph.outputs.length), ...names], attributes }
  }
}

function withGraphs(node: Node, graphs: ReadonlyMap<string, Graph>): readonly Attribute[] {
  return node.attributes.map((attribute) => {
    const graph = attribute.kind === 'graph' ? graphs.get(attribute.name) : undefined
    return graph === undefined ? attribute : { name: attribute.name, kind: 'graph', value: graph }
  })
}

function withOutputs(graph: Graph, nodes: readonly Node[], outputs: readonly ValueInfo[]): Graph {
  const { carrier: _carrier, ...plain } = graph
  return { ...plain, nodes, outputs }
}

/** '' for what was left out at the end. */
function padded(names: readonly string[], count: number): readonly string[] {
  return names.length >= count ? names : [...names, ...new Array<string>(count - names.length).fill('')]
}

function made(op: string, inputs: readonly string[], output: string, attributes: readonly Attribute[] = []): Node {
  return { name: '', op, domain: '', inputs, outputs: [output], attributes }
}

function cast({ name, dtype }: Exposed, tap: string): Node {
  return made('Cast', [name], tap, [{ name: 'to', kind: 'int', value: CODES[dtype] ?? 1 }])
}

function nothing(tap: string, dtype: DType): Node {
  return constant(tap, { dtype, shape: [0], bytes: new Uint8Array(0) })
}

function constant(
  output: string,
  { dtype, shape, bytes }: Pick<TensorRef, 'dtype' | 'shape'> & { readonly bytes: Uint8Array },
): Node {
  const storage = { kind: 'bytes', bytes, byteLength: bytes.byteLength } as const
  return made('Constant', [], output, [{ name: 'value', kind: 'tensor', value: { name: '', dtype, shape, storage } }])
}
