import type { Model, Node } from '../model/graph.ts'
import { isConstantNode } from './constant-nodes.ts'
import { connect, type Definition } from './consumers.ts'
import { rebuild, type ScopeChange } from './rebuild.ts'
import { isStandard, type Scope } from './walk.ts'

/** Nodes that only move or scale constants; they go when nothing reads them. None has effects or bodies. */
const CONSTANT_OPERATORS: ReadonlySet<string> = new Set([
  'Identity',
  'Transpose',
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Cast',
  'Mul',
  'DequantizeLinear',
])

/**
 * Removes initializers and `Constant` nodes that nothing reads, then what only they fed: nodes that move or scale
 * constants and whose inputs are all constant. Value entries of removed names go too. Graph inputs and outputs and
 * nodes that compute on inputs stay, read or not; so does an initializer that is also an input.
 */
export function removeDead(model: Model): Model {
  const { definitions, resolve, scopes } = connect(model)
  const ofNode = new Map<Node, { readonly scope: Scope; readonly outputs: Definition[] }>()
  const readers = new Map<Definition, number>()
  for (const definition of definitions) {
    readers.set(definition, definition.uses.length + definition.outputOf.length)
    if (definition.node === null) continue
    const entry = ofNode.get(definition.node) ?? { scope: definition.scope, outputs: [] }
    entry.outputs.push(definition)
    ofNode.set(definition.node, entry)
  }
  const constant = constantNodes(scopes, resolve)
  const deadNodes = new Set<Node>()
  const deadNames = new Map<Scope, Set<string>>()
  const queue = definitions.filter((definition) => readers.get(definition) === 0)
  const drop = ({ scope, name }: Definition): void => {
    deadNames.set(scope, (deadNames.get(scope) ?? new Set()).add(name))
  }
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (at.kind === 'initializer' && !at.alsoInput) drop(at)
    if (at.node === null || deadNodes.has(at.node) || !constant.has(at.node)) continue
    const { scope, outputs } = ofNode.get(at.node)!
    if (outputs.some((output) => readers.get(output) !== 0)) continue
    deadNodes.add(at.node)
    outputs.forEach(drop)
    for (const name of at.node.inputs) {
      const input = resolve(scope, name)
      if (input === undefined) continue
      const left = readers.get(input)! - 1
      readers.set(input, left)
      if (left === 0) queue.push(input)
    }
  }
  return rebuild(model, (scope) => without(scope, deadNodes, deadNames.get(scope)), scopes)
}

/** Constant nodes, and in any order nodes of the list above that read nothing but constants. */
function constantNodes(
  scopes: readonly Scope[],
  resolve: (scope: Scope, name: string) => Definition | undefined,
): ReadonlySet<Node> {
  const constant = new Set<Node>()
  const isConstant = (definition: Definition | undefined): boolean =>
    definition?.kind === 'initializer' || (definition?.node != null && constant.has(definition.node))
  for (const scope of scopes) {
    for (const node of scope.nodes) {
      const moves = isStandard(node) && CONSTANT_OPERATORS.has(node.op)
      const fed = moves && node.inputs.every((name) => name === '' || isConstant(resolve(scope, name)))
      if (fed || isConstantNode(node)) constant.add(node)
    }
  }
  return constant
}

function without(
  scope: Scope,
  deadNodes: ReadonlySet<Node>,
  deadNames: ReadonlySet<string> | undefined,
): ScopeChange | undefined {
  if (deadNames === undefined) return undefined
  const nodes = scope.nodes.filter((node) => !deadNodes.has(node))
  if (scope.graph === null) return { nodes }
  const initializers = scope.initializers.filter((tensor) => !deadNames.has(tensor.name))
  const values = scope.graph.values.filter((value) => !deadNames.has(value.name))
  return { nodes, initializers, values }
}
