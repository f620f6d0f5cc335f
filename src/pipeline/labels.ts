import type { Node } from '../model/graph.ts'
import type { WeightFacts } from '../model/inventory.ts'

/** A node as people know it: its name; an unnamed one is its operator and first output. */
export function labelOf(node: Node): string {
  return node.name || `${node.op}:${node.outputs[0] ?? ''}`
}

/** Labels of the nodes that use a weight. */
export function labelsOf(weight: WeightFacts): readonly string[] {
  return weight.uses.map((use) => labelOf(use.node))
}
