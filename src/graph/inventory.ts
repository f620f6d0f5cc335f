import type { DType } from '../model/dtype.ts'
import type { Model, Node } from '../model/graph.ts'
import type { Inventory, WeightFacts } from '../model/inventory.ts'
import type { ReadRange } from './compare-elements.ts'
import type { ReadSmall } from './constant-nodes.ts'
import { constantsOf } from './constants.ts'
import { connect } from './consumers.ts'
import { familyOf } from './family.ts'
import { opsetOf } from './opsets.ts'
import { outerLayers } from './outer-layers.ts'
import { findShared } from './sharing.ts'
import { operatorName, type Scope } from './walk.ts'

/** Types that count as parameters; integers are shapes and indices, or codes of something quantized already. */
const PARAMETERS: ReadonlySet<DType> = new Set<DType>(['f64', 'f32', 'f16', 'bf16'])

/**
 * All facts about a checked model that decisions start from. Without `readRange` no tensor is compared and `shared` is empty.
 * Warnings name constants that will stay as they are whatever is decided; those of `checkGraph` are its own.
 */
export async function takeInventory(model: Model, readSmall: ReadSmall, readRange?: ReadRange): Promise<Inventory> {
  const connections = connect(model)
  const constants = await constantsOf(model, readSmall, connections)
  const outer = outerLayers(model, connections, constants)
  const weights = constants.map((one): WeightFacts => {
    const end = outer.get(one)
    return end === undefined ? one : { ...one, outer: end }
  })
  const shared = readRange === undefined ? [] : await findShared(weights, readRange)
  const operators = countOperators(connections.scopes)
  let parameterCount = 0
  for (const { dtype, elementCount } of weights) if (PARAMETERS.has(dtype)) parameterCount += elementCount
  return {
    family: familyOf(operators, weights),
    opset: opsetOf(model) ?? 0,
    weights,
    nodes: nodesInOrder(connections.scopes),
    shared,
    operators,
    parameterCount,
    warnings: leftAlone(weights),
  }
}

/** A stack instead of recursion: nesting is bounded by the file, not by us. */
function nodesInOrder(scopes: readonly Scope[]): readonly Node[] {
  const bodies = new Map<Node, Scope[]>()
  for (const scope of scopes)
    if (scope.owner !== null) bodies.set(scope.owner, [...(bodies.get(scope.owner) ?? []), scope])
  const nodes: Node[] = []
  const stack = scopes.filter((scope) => scope.owner === null).map((scope) => ({ scope, next: 0 }))
  stack.reverse()
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const node = top.scope.nodes[top.next++]
    if (node === undefined) stack.pop()
    else {
      nodes.push(node)
      for (const scope of [...(bodies.get(node) ?? [])].reverse()) stack.push({ scope, next: 0 })
    }
  }
  return nodes
}

function countOperators(scopes: readonly Scope[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { nodes } of scopes) {
    for (const node of nodes) {
      const name = operatorName(node)
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
  return counts
}

function leftAlone(weights: readonly WeightFacts[]): readonly string[] {
  const warnings: string[] = []
  const sparse = weights.filter(({ spelling }) => spelling === 'sparse').length
  if (sparse > 0) warnings.push(`${sparse} sparse constants stay as they are`)
  const inside = weights.filter(({ scope, dtype }) => scope[0] === 'function' && PARAMETERS.has(dtype)).length
  if (inside > 0) warnings.push(`${inside} float constants inside model-local functions stay as they are`)
  return warnings
}
