import { bodyValueOf } from '../graph/bodies/index.ts'
import { type Connections, connect, constantTensor, isStandard, type Scope, scopeKey } from '../graph/index.ts'
import type { DType } from '../model/dtype.ts'
import type { Graph, Model, Node, ScopePath } from '../model/graph.ts'
import { type Exposed, type OpenBody, TapWriter } from './tap-writer.ts'

/** Operators that give sequences and optional values. */
const LISTS: ReadonlySet<string> = new Set(
  'SequenceConstruct SequenceEmpty SequenceInsert SequenceErase SequenceMap SplitToSequence Optional'.split(' '),
)

/** Values inside bodies by key (`bodyValueKey`), and the node outputs that give them in the main graph. */
export class BodyTaps {
  readonly #model: Model
  readonly #connections: Connections
  readonly #scopes: ReadonlyMap<string, Scope>

  constructor(model: Model) {
    this.#model = model
    this.#connections = connect(model)
    this.#scopes = new Map(this.#connections.scopes.map((scope) => [scopeKey(scope.path), scope]))
  }

  /** Why a key has no values to look at; null when it has, undefined when it is no key of a body. */
  reason(key: string, floats: ReadonlySet<string>): string | null | undefined {
    const found = bodyValueOf(key, this.#scopes)
    if (found === undefined) return undefined
    const { scope, name } = found
    const definition = this.#connections.resolve(scope, name)
    if (definition === undefined) return undefined
    if (definition.kind === 'sparse' || constantTensor(definition) !== null) return 'a constant'
    if (definition.node !== null && LISTS.has(definition.node.op)) return 'no tensor'
    const { graph } = definition.scope
    const infos = [...(graph?.inputs ?? []), ...(graph?.values ?? []), ...(graph?.outputs ?? [])]
    const dtype = infos.find((info) => info.name === name)?.dtype
    if (dtype !== undefined && !floats.has(dtype)) return `elements of type ${dtype}`
    return blocked(scope)
  }

  /** True for branches that run once for a sample at most, if they run. */
  isBranch(path: ScopePath): boolean {
    let at = this.#scopes.get(scopeKey(path)) ?? null
    if (at?.parent == null || blocked(at) !== null) return false
    for (; at.parent !== null; at = at.parent) if (at.owner?.op !== 'If') return false
    return true
  }

  /**
   * The model with every key as an output of a node of the main graph, under the key as its name. A branch that is not taken gives no
   * elements; what a Loop computes comes flat, one iteration after the other; Scan puts iterations in front. Elements are f32
   * where `types` says nothing else.
   */
  expose(keys: readonly string[], types: ReadonlyMap<string, DType> = new Map()): Model {
    const asked = new Map<Scope, Exposed[]>()
    for (const key of keys) {
      const found = bodyValueOf(key, this.#scopes)
      if (found === undefined) continue
      const { scope, name } = found
      asked.set(scope, [...(asked.get(scope) ?? []), { key, name, dtype: types.get(key) ?? 'f32' }])
    }
    if (asked.size === 0) return this.#model
    const writer = new TapWriter(this.#model)
    const open = new Map<Graph, OpenBody>()
    // Bodies come behind what is around them.
    for (const scope of [...this.#connections.scopes].reverse()) {
      if (scope.graph === null) continue
      const nodes: Node[] = []
      const exposed = [...(asked.get(scope) ?? [])]
      let changed = exposed.length > 0
      for (const node of scope.nodes) {
        const given = writer.owner(node, open, scope.parent === null)
        nodes.push(...(given?.nodes ?? [node]))
        exposed.push(...(given?.exposed ?? []))
        changed ||= given !== undefined
      }
      if (changed) open.set(scope.graph, { graph: scope.graph, nodes, exposed })
    }
    const { carrier: _carrier, ...graph } = this.#model.graph
    return { ...this.#model, graph: { ...graph, nodes: open.get(this.#model.graph)?.nodes ?? graph.nodes } }
  }
}

/** Why values of a scope cannot come out. */
function blocked(scope: Scope): string | null {
  let inner = false
  for (let at = scope; ; at = at.parent) {
    if (at.body !== null) return 'a value of a model-local function; inline it first'
    if (at.parent === null || at.owner === null) return null
    const { op } = at.owner
    const step = at.path.at(-1)
    const known = op === 'If' ? step === 'then_branch' || step === 'else_branch' : step === 'body'
    if (!isStandard(at.owner) || !['If', 'Loop', 'Scan'].includes(op) || !known) return `a value inside ${op}`
    // What Scan stacks has one shape; a branch that is not taken, or a Loop, has none.
    if (op === 'Scan' && inner) return 'a value of a branch or a Loop inside Scan'
    inner ||= op !== 'Scan'
  }
}
