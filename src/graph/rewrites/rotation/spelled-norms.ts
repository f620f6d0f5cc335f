import type { Node } from '../../../model/graph.ts'
import type { Connections, Definition } from '../../consumers.ts'
import { normsOf } from '../../norms.ts'
import { isStandard, type Scope, scopeKey } from '../../walk.ts'

/** A norm spelled out, from its input to where it is multiplied by its gain. */
export interface SpelledNorm {
  readonly nodes: ReadonlySet<Node>
  readonly input: Definition
  readonly output: Definition
  readonly centred: boolean
  /** What is wrong with it; null where nothing inside it is read elsewhere. */
  readonly open: string | null
}

/** Statistics that an exporter wrote twice. */
const STATISTICS: ReadonlySet<string> = new Set(['Sub', 'ReduceMean', 'Pow', 'Mul', 'Cast'])
const ROUNDS = 4

/** Spelled-out norms by each of their nodes; gain and bias are not among them. */
export function spelledNorms(connections: Connections): ReadonlyMap<Node, SpelledNorm> {
  const found = new Map<Node, SpelledNorm>()
  const scopes = new Map(connections.scopes.map((scope) => [scopeKey(scope.path), scope]))
  for (const facts of normsOf(connections)) {
    const scope = scopes.get(scopeKey(facts.scope))
    if (facts.nodes.length < 2 || scope === undefined) continue
    const affine = facts.nodes.filter((node) =>
      node.inputs.some((name) => [facts.scale, facts.bias].includes(source(name, scope, connections)) && name !== ''),
    )
    const gain = affine.find(({ op }) => op === 'Mul') ?? affine[0]
    const inner = gain?.inputs.find((name) => ![facts.scale, facts.bias].includes(source(name, scope, connections)))
    const output = connections.resolve(scope, inner === undefined ? facts.output : source(inner, scope, connections))
    const from = connections.resolve(scope, facts.input)
    if (!output || !from) continue
    const nodes = new Set(facts.nodes.filter((node) => !affine.includes(node)))
    const open = close(nodes, from, output, scope, connections)
    const norm: SpelledNorm = { nodes, input: from, output, centred: facts.kind === 'layer', open }
    for (const node of nodes) found.set(node, norm)
  }
  return found
}

/** Adds what else the statistics are computed with; says what reads the inside from outside. */
function close(
  nodes: Set<Node>,
  from: Definition,
  to: Definition,
  scope: Scope,
  connections: Connections,
): string | null {
  const definitions = (node: Node): readonly Definition[] =>
    node.outputs.flatMap((name) => (name === '' ? [] : (connections.own(scope).get(name) ?? [])))
  const isInside = (node: Node): boolean =>
    definitions(node).every((one) => one.outputOf.length === 0 && one.uses.every((use) => nodes.has(use.node)))
  for (let round = 0; round < ROUNDS; round++)
    for (const value of [from, ...[...nodes].flatMap(definitions)])
      for (const { node } of value === to ? [] : value.uses)
        if (!nodes.has(node) && isStandard(node) && STATISTICS.has(node.op) && isInside(node)) nodes.add(node)
  for (const node of nodes)
    for (const one of definitions(node)) {
      if (one === to) continue
      const outside = one.uses.find((use) => !nodes.has(use.node))
      if (outside || one.outputOf.length > 0) return `${outside?.node.op ?? 'an output'} reads the inside of a norm`
    }
  return null
}

/** The value before any Casts. */
export function source(name: string, scope: Scope, connections: Connections): string {
  let at = name
  for (let hop = 0; hop < 4; hop++) {
    const node = connections.resolve(scope, at)?.node
    if (node == null || node.op !== 'Cast' || !isStandard(node)) break
    at = node.inputs[0] ?? ''
  }
  return at
}
