import type { WeightFacts } from '../model/inventory.ts'

/** Names of the nodes that use a weight, as people know them; an unnamed node is its operator and first output. */
export function labelsOf(weight: WeightFacts): readonly string[] {
  return weight.uses.map((use) => use.node.name || `${use.node.op}:${use.node.outputs[0] ?? ''}`)
}
