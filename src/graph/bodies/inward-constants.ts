import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { constantTensor, isConstantNode } from '../constant-nodes.ts'
import { connect, type Definition } from '../consumers.ts'
import { rebuild } from '../rebuild.ts'
import type { Scope } from '../walk.ts'

/**
 * Constants that one body (with the bodies inside it) alone reads move into it, the innermost that sees all their readers. Nothing is
 * read or copied; names stay. What the graph returns, what callers may replace and what lies in functions stays where it is.
 * The model given when there is nothing to move.
 */
export function moveConstantsInward(model: Model): Model {
  const { definitions, scopes } = connect(model)
  const gone = new Set<Node | TensorRef>()
  const names = new Map<Scope, Set<string>>()
  const nodes = new Map<Scope, Node[]>()
  const tensors = new Map<Scope, TensorRef[]>()
  for (const definition of definitions) {
    const home = homeOf(definition)
    if (home === null) continue
    const { scope, name, node, tensor } = definition
    const moved = names.get(scope) ?? new Set()
    names.set(scope, moved.add(name))
    if (node !== null) {
      gone.add(node)
      nodes.set(home, [...(nodes.get(home) ?? []), node])
    } else if (tensor !== null) {
      gone.add(tensor)
      tensors.set(home, [...(tensors.get(home) ?? []), tensor])
    }
  }
  if (gone.size === 0) return model
  return rebuild(
    model,
    (scope) => {
      const [inNodes, inTensors, out] = [nodes.get(scope) ?? [], tensors.get(scope) ?? [], names.get(scope)]
      if (scope.graph === null || (out === undefined && inNodes.length + inTensors.length === 0)) return undefined
      return {
        nodes: [...inNodes, ...scope.nodes.filter((node) => !gone.has(node))],
        initializers: [...scope.initializers.filter((tensor) => !gone.has(tensor)), ...inTensors],
        values: scope.graph.values.filter(({ name }) => !out?.has(name)),
      }
    },
    scopes,
  )
}

/** Where a constant should live, if not where it is. */
function homeOf(definition: Definition): Scope | null {
  const { scope, uses, outputOf, alsoInput, node } = definition
  if (scope.graph === null || alsoInput || outputOf.length > 0 || uses.length === 0) return null
  if (constantTensor(definition) === null || (node !== null && !isConstantNode(node))) return null
  let home: Scope | null = null
  for (const use of uses) {
    home = home === null ? use.scope : enclosing(home, use.scope)
    if (home === scope || home === null) return null
  }
  return home
}

/** The innermost scope around both. */
function enclosing(a: Scope, b: Scope): Scope | null {
  let [left, right]: [Scope | null, Scope | null] = [a, b]
  while (left !== right) {
    if (left === null || right === null) return null
    if (left.path.length >= right.path.length) left = left.parent
    else right = right.parent
  }
  return left
}
