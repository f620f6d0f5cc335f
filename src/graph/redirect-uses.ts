import type { Model, Node } from '../model/graph.ts'
import type { Definition, Use } from './consumers.ts'
import { rebuild } from './rebuild.ts'
import type { Scope } from './walk.ts'

/** Makes every read of each definition read another name instead. Names must mean the wanted value where they are read. */
export function redirectUses(model: Model, renames: ReadonlyMap<Definition, string>): Model {
  const byScope = new Map<Scope, Map<Node, Map<number, string>>>()
  for (const [definition, name] of renames) {
    for (const use of definition.uses) note(byScope, use, name)
  }
  return rebuild(model, (scope) => {
    const nodes = byScope.get(scope)
    if (nodes === undefined) return undefined
    return { nodes: scope.nodes.map((node) => withInputs(node, nodes.get(node))) }
  })
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
