import type { Graph, Model, Node } from '../../model/graph.ts'
import { connect } from '../consumers.ts'
import { usedNames } from '../fresh-names.ts'
import { rebuild, type ScopeChange } from '../rebuild.ts'
import type { Scope } from '../walk.ts'

/**
 * Gives constants that took the place of others their names back: `wanted` is asked for each initializer, and answers with the name it
 * may have. Names that are in use stay where they are. Also what was renamed, from the old name to the new one.
 */
export function ownNames(
  model: Model,
  wanted: (scope: Scope, name: string) => string | undefined,
): { readonly model: Model; readonly renamed: ReadonlyMap<string, string> } {
  const connections = connect(model)
  const used = usedNames(model)
  const renamed = new Map<string, string>()
  const inputs = new Map<Node, Map<number, string>>()
  const outputs = new Map<Scope, Map<string, string>>()
  for (const { scope, name, kind, alsoInput, uses, outputOf } of connections.definitions) {
    const to = kind === 'initializer' && !alsoInput ? wanted(scope, name) : undefined
    if (to === undefined || used.has(to)) continue
    used.add(to)
    renamed.set(name, to)
    for (const { node, inputIndex } of uses) {
      inputs.set(node, (inputs.get(node) ?? new Map<number, string>()).set(inputIndex, to))
    }
    for (const body of outputOf) outputs.set(body, (outputs.get(body) ?? new Map<string, string>()).set(name, to))
  }
  if (renamed.size === 0) return { model, renamed }
  const revise = (node: Node): Node => {
    const names = inputs.get(node)
    return names ? { ...node, inputs: node.inputs.map((name, index) => names.get(index) ?? name) } : node
  }
  const changed = rebuild(
    model,
    (scope) => {
      const change: ScopeChange & Partial<Pick<Graph, 'outputs'>> = {
        nodes: scope.nodes.map(revise),
        initializers: scope.initializers.map((tensor) => {
          const to = renamed.get(tensor.name)
          return to === undefined ? tensor : { ...tensor, name: to }
        }),
      }
      const given = outputs.get(scope)
      if (given === undefined || scope.graph === null) return change
      return {
        ...change,
        outputs: scope.graph.outputs.map((info) => ({ ...info, name: given.get(info.name) ?? info.name })),
      }
    },
    connections.scopes,
  )
  return { model: changed, renamed }
}
