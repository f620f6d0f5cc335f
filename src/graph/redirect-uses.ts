import type { Model, Node } from '../model/graph.ts'
import type { Connections, Definition, Use } from './consumers.ts'
import { rebuild, type ScopeChange } from './rebuild.ts'
import type { Scope } from './walk.ts'

/** Makes every read of each definition read another name instead. Names must mean the wanted value where they are read. */
export function redirectUses(model: Model, renames: ReadonlyMap<Definition, string>, connections: Connections): Model {
  const byScope = new Map<Scope, Map<Node, Map<number, string>>>()
  for (const [definition, name] of renames) {
    for (const use of definition.uses) note(byScope, use, name)
  }
  const change = (scope: Scope): ScopeChange | undefined => {
    const nodes = byScope.get(scope)
    return nodes && { nodes: scope.nodes.map((node) => withInputs(node, nodes.get(node))) }
  }
  return rebuild(model, change, connections.scopes)
}

function note(byScope: Map<Scope, Map<Node, Map<number, string>>>, use: Use, name: string): void {
  const nodes = byScope.get(use.scope) ?? new Map<Node, Map<number, string>>()
  const inputs = nodes.get(use.node) ?? new Map<number, string>()
  byScope.set(use.scope, nodes)
  nodes.set(use.node, inputs)
  inputs.set(use.inputIndex, name)
}

function withInputs(node: Node, changes: ReadonlyMap<number, string> | undefined): Node {
  if (changes === undefined) return node
  return { ...node, inputs: node.inputs.map((name, index) => changes.get(index) ?? name) }
}
