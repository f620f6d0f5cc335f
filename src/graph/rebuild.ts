import type { Attribute, FunctionBody, Graph, Model, Node } from '../model/graph.ts'
import { type Scope, scopesOf } from './walk.ts'

/** What changes in one scope. Functions take only `nodes`. */
export type ScopeChange = Partial<Pick<Graph, 'nodes' | 'initializers' | 'inputs' | 'values'>>

/**
 * Rebuilds a model with changes per scope, bodies first. `change` sees every scope as it was read and answers with the
 * lists that differ; nodes it returns may hold bodies as they were read: they are exchanged for their rebuilt selves.
 * `scopes` are the model's own from an earlier walk, when `change` looks them up by identity.
 * What did not change keeps its identity (and its carrier), up to the model itself.
 */
export function rebuild(
  model: Model,
  change: (scope: Scope) => ScopeChange | undefined,
  scopes: readonly Scope[] = scopesOf(model),
): Model {
  const graphs = new Map<Graph, Graph>()
  const bodies = new Map<FunctionBody, FunctionBody>()
  for (let index = scopes.length - 1; index >= 0; index--) {
    const scope = scopes[index]!
    const changes = change(scope)
    const nodes = reviseNodes(changes?.nodes ?? scope.nodes, graphs)
    if (changes === undefined && nodes === scope.nodes) continue
    if (scope.graph !== null) graphs.set(scope.graph, { ...scope.graph, ...changes, nodes })
    else bodies.set(scope.body!, { ...scope.body!, nodes })
  }
  if (graphs.size === 0 && bodies.size === 0) return model
  const graph = graphs.get(model.graph) ?? model.graph
  const functions = bodies.size === 0 ? model.functions : model.functions.map((body) => bodies.get(body) ?? body)
  return { ...model, graph, functions }
}

/** The same list when no node holds a body that changed. */
function reviseNodes(nodes: readonly Node[], graphs: ReadonlyMap<Graph, Graph>): readonly Node[] {
  if (graphs.size === 0) return nodes
  let revised: Node[] | undefined
  for (const [index, node] of nodes.entries()) {
    const next = reviseNode(node, graphs)
    if (next === node) continue
    revised ??= [...nodes]
    revised[index] = next
  }
  return revised ?? nodes
}

function reviseNode(node: Node, graphs: ReadonlyMap<Graph, Graph>): Node {
  let attributes: Attribute[] | undefined
  for (const [index, attribute] of node.attributes.entries()) {
    const next = reviseAttribute(attribute, graphs)
    if (next === attribute) continue
    attributes ??= [...node.attributes]
    attributes[index] = next
  }
  return attributes === undefined ? node : { ...node, attributes }
}

function reviseAttribute(attribute: Attribute, graphs: ReadonlyMap<Graph, Graph>): Attribute {
  if (attribute.kind === 'graph') {
    const value = graphs.get(attribute.value)
    return value === undefined ? attribute : { ...attribute, value }
  }
  if (attribute.kind === 'graphs' && attribute.value.some((graph) => graphs.has(graph))) {
    return { ...attribute, value: attribute.value.map((graph) => graphs.get(graph) ?? graph) }
  }
  return attribute
}
