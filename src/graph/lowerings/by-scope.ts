import type { Node, ScopePath, TensorRef } from '../../model/graph.ts'
import type { GraphEdit } from '../../model/graph-edit.ts'
import type { WeightUse } from '../../model/inventory.ts'

/** What one consuming node becomes. */
export interface Replacement {
  readonly nodes: readonly Node[]
  readonly constants: readonly TensorRef[]
}

/** One edit for each scope that has consumers, in order of first appearance. A node that uses the weight twice is replaced once. */
export function replaceUses(
  uses: readonly WeightUse[],
  opsets: NonNullable<GraphEdit['opsets']>,
  replace: (use: WeightUse) => Replacement,
): readonly GraphEdit[] {
  const scopes = new Map<string, { scope: ScopePath; nodes: Map<Node, readonly Node[]>; constants: TensorRef[] }>()
  for (const use of uses) {
    const key = JSON.stringify(use.scope)
    let entry = scopes.get(key)
    if (entry === undefined) {
      entry = { scope: use.scope, nodes: new Map(), constants: [] }
      scopes.set(key, entry)
    }
    if (entry.nodes.has(use.node)) continue
    const made = replace(use)
    entry.nodes.set(use.node, made.nodes)
    entry.constants.push(...made.constants)
  }
  return [...scopes.values()].map(({ scope, nodes, constants }) => ({
    scope,
    replace: nodes,
    addInitializers: constants,
    opsets,
  }))
}
