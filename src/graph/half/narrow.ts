import type { Attribute, Graph, Model, Node, TensorRef, ValueInfo } from '../../model/graph.ts'
import { tensorAttribute } from '../attributes.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import type { Definition } from '../consumers.ts'
import { freshNames } from '../fresh-names.ts'
import { rebuild, type ScopeChange } from '../rebuild.ts'
import { floatConstant, readFloats } from '../rewrites/float-constants.ts'
import { isStandard, type Scope } from '../walk.ts'
import { HalfLayout, type HalfWish, type Precision } from './layout.ts'

/** As Cast counts them. */
const CODES: Readonly<Record<Precision, number>> = { f32: 1, f16: 10 }
/** Constants up to this many elements are written in the type that is wanted; larger ones get a Cast. */
const COPIED_ELEMENTS = 4096

/**
 * The model computing in f16 wherever the wish lets it: types go from value to value through the whole graph, its bodies and what they
 * take from outside; a Cast stands where f32 meets f16, one a value, and none before a value that came from f16. Inputs and outputs
 * keep their names.
 */
export async function narrow(model: Model, wish: HalfWish, read: ReadSmall): Promise<Model> {
  const layout = new HalfLayout(model, wish)
  const writer = new Writer(layout, freshNames(model))
  return writer.write(read)
}

type Change = ScopeChange & Partial<Pick<Graph, 'outputs'>>

class Writer {
  readonly #layout: HalfLayout
  readonly #fresh: (base: string) => string
  /** New names of values under their own type, where the old one goes to their Cast. */
  readonly #inner = new Map<Definition, string>()
  /** Names of values in the other type. */
  readonly #other = new Map<Definition, string>()
  readonly #fills = new Map<Node, readonly Attribute[]>()

  constructor(layout: HalfLayout, fresh: (base: string) => string) {
    this.#layout = layout
    this.#fresh = fresh
  }

  async write(read: ReadSmall): Promise<Model> {
    const { connections, model } = this.#layout
    this.#doors()
    await this.#readFills(read)
    const drafts = new Map<Scope, { readonly nodes: readonly Node[]; readonly outputs?: readonly ValueInfo[] }>()
    for (const scope of connections.scopes) {
      const outputs = this.#outputs(scope)
      drafts.set(scope, { nodes: scope.nodes.map((node) => this.#node(scope, node)), ...(outputs ? { outputs } : {}) })
    }
    // Every want is known by now: Casts can be put where values are made.
    const changes = new Map<Scope, Change>()
    for (const scope of connections.scopes) {
      const draft = drafts.get(scope)!
      changes.set(scope, await this.#scope(scope, draft.nodes, draft.outputs, read))
    }
    return rebuild(model, (scope) => changes.get(scope), connections.scopes)
  }

  /** ConstantOfShape says the type of what it gives by its value. */
  async #readFills(read: ReadSmall): Promise<void> {
    for (const { nodes } of this.#layout.connections.scopes) {
      for (const node of nodes) {
        if (node.op !== 'ConstantOfShape' || !this.#layout.isHalf(node)) continue
        const given = tensorAttribute(node, 'value')
        const values = given === undefined ? [0] : ((await readFloats(given, read)) ?? [0])
        const value = floatConstant(given?.name ?? '', 'f16', [1], values)
        this.#fills.set(node, [{ name: 'value', kind: 'tensor', value }])
      }
    }
  }

  /** Outputs keep their names: where their value is of the other type, it gets a new name and its Cast the old one. */
  #doors(): void {
    const { connections } = this.#layout
    const main = connections.scopes[0]!
    for (const name of main.outputs) {
      const definition = connections.own(main).get(name)
      const precision = definition && this.#layout.precision(definition)
      if (definition?.kind !== 'node' || precision === undefined || this.#inner.has(definition)) continue
      if (precision === this.#layout.doorOf(definition)) continue
      this.#inner.set(definition, this.#fresh(`${name}/${precision}`))
      this.#other.set(definition, name)
    }
  }

  #name(definition: Definition, wanted: Precision | null): string {
    const precision = this.#layout.precision(definition)
    const own = this.#inner.get(definition) ?? definition.name
    if (precision === undefined || wanted === null || precision === wanted) return own
    if (wanted === 'f16') {
      const source = this.#halfSource(definition)
      if (source !== undefined) return source
    }
    const known = this.#other.get(definition) ?? this.#fresh(`${definition.name}/${wanted}`)
    this.#other.set(definition, known)
    return known
  }

  /** The f16 value that a Cast widens. */
  #halfSource({ node, scope }: Definition): string | undefined {
    if (node === null || node.op !== 'Cast' || !isStandard(node)) return undefined
    const source = this.#layout.connections.resolve(scope, node.inputs[0] ?? '')
    return source !== undefined && this.#layout.types.of(source) === 'f16' ? source.name : undefined
  }

  #node(scope: Scope, node: Node): Node {
    const layout = this.#layout
    const { connections } = layout
    const inputs = node.inputs.map((name, index) => {
      const definition = name === '' ? undefined : connections.resolve(scope, name)
      return definition === undefined ? name : this.#name(definition, layout.wanted(node, index))
    })
    const outputs = node.outputs.map((name) => {
      const definition = name === '' ? undefined : connections.own(scope).get(name)
      return definition?.node === node ? (this.#inner.get(definition) ?? name) : name
    })
    const attributes = layout.isHalf(node) ? (this.#fills.get(node) ?? narrowedAttributes(node)) : node.attributes
    // A Cast of what is f16 already.
    if (this.#isIdle(scope, node)) {
      return { ...node, op: 'Identity', inputs, outputs, attributes: [] }
    }
    const same = (a: readonly string[], b: readonly string[]): boolean => a.every((name, index) => name === b[index])
    if (attributes === node.attributes && same(inputs, node.inputs) && same(outputs, node.outputs)) return node
    return { ...node, inputs, outputs, attributes }
  }

  #isIdle(scope: Scope, node: Node): boolean {
    if (node.op !== 'Cast' || !isStandard(node)) return false
    const { connections, types } = this.#layout
    const input = connections.resolve(scope, node.inputs[0] ?? '')
    if (input === undefined) return false
    const from = this.#layout.precision(input) ?? types.of(input)
    const to = this.#layout.isHalf(node) ? 'f16' : types.at(scope, node.outputs[0] ?? '')
    return from === 'f16' && to === 'f16'
  }

  #outputs(scope: Scope): readonly ValueInfo[] | undefined {
    const layout = this.#layout
    const { graph } = scope
    if (graph === null || layout.isFrozen(scope)) return undefined
    const isMain = scope.path.length === 0
    return graph.outputs.map((info, index) => {
      const definition = layout.connections.resolve(scope, info.name)
      if (definition === undefined || layout.precision(definition) === undefined) return info
      if (isMain) {
        const isNode = definition.kind === 'node'
        return typed(info, info.name, isNode ? layout.doorOf(definition) : layout.precision(definition)!)
      }
      const wanted = layout.result(scope, index)
      return typed(info, this.#name(definition, wanted), wanted)
    })
  }

  async #scope(
    scope: Scope,
    drafts: readonly Node[],
    outputs: readonly ValueInfo[] | undefined,
    read: ReadSmall,
  ): Promise<Change> {
    const layout = this.#layout
    const own = layout.connections.own(scope)
    const first: Node[] = []
    const added: TensorRef[] = []
    const after = new Map<Node, Node[]>()
    for (const definition of own.values()) {
      const other = this.#other.get(definition)
      if (other === undefined) continue
      const copy = await this.#copied(definition, other, read)
      if (copy !== null && scope.graph !== null) {
        added.push(copy)
        continue
      }
      const precision = layout.precision(definition)
      const cast = castNode(this.#inner.get(definition) ?? definition.name, other, precision === 'f16' ? 'f32' : 'f16')
      if (definition.node === null) first.push(cast)
      else after.set(definition.node, [...(after.get(definition.node) ?? []), cast])
    }
    const nodes = [...first, ...scope.nodes.flatMap((node, index) => [drafts[index]!, ...(after.get(node) ?? [])])]
    const { graph } = scope
    if (graph === null) return { nodes }
    return {
      nodes,
      ...(added.length > 0 ? { initializers: [...graph.initializers, ...added] } : {}),
      ...(outputs === undefined ? {} : { outputs }),
      inputs: graph.inputs.map((info) => this.#declared(own, info)),
      values: graph.values.map((info) => this.#declared(own, info)),
    }
  }

  #declared(own: ReadonlyMap<string, Definition>, info: ValueInfo): ValueInfo {
    const definition = own.get(info.name)
    const precision = definition && this.#layout.precision(definition)
    if (definition === undefined || precision === undefined) return info
    return typed(info, this.#inner.get(definition) ?? info.name, precision)
  }

  /** A short constant in the other type; null for what is no such constant. */
  async #copied(definition: Definition, name: string, read: ReadSmall): Promise<TensorRef | null> {
    const constant = constantTensor(definition)
    if (constant === null || definition.alsoInput || constant.dtype !== 'f32') return null
    if (constant.storage.kind === 'produced' || constant.storage.byteLength > COPIED_ELEMENTS * 4) return null
    const values = await readFloats(constant, read)
    return values === null ? null : floatConstant(name, 'f16', constant.shape, values)
  }
}

function typed(info: ValueInfo, name: string, dtype: Precision): ValueInfo {
  if (info.name === name && info.dtype === dtype) return info
  return { name, dtype, ...(info.shape === undefined ? {} : { shape: info.shape }) }
}

export function castNode(from: string, to: string, dtype: Precision): Node {
  const attributes: Attribute[] = [{ name: 'to', kind: 'int', value: CODES[dtype] }]
  return { name: `${to}/Cast`, op: 'Cast', domain: '', inputs: [from], outputs: [to], attributes }
}

function narrowedAttributes(node: Node): readonly Attribute[] {
  if (!isStandard(node) || node.op !== 'Cast') return node.attributes
  return node.attributes.map((one) => (one.name === 'to' ? { name: 'to', kind: 'int', value: CODES.f16 } : one))
}
