import type { Node } from '../../model/graph.ts'
import type { Inventory } from '../../model/inventory.ts'
import type { Ask } from '../ask.ts'
import { wishes } from '../plan.ts'

/** Labels of products that a rule gives something else than static integers: they stay float here, the plan does the rest. */
export function keptLabels(inventory: Inventory, ask: Ask): ReadonlySet<string> {
  const labels = new Set<string>()
  for (const { weight, what } of wishes(inventory, ask).wishes) {
    if (what !== ask.to) for (const use of weight.uses) labels.add(labelOf(use.node))
  }
  return labels
}

/** As the placement names nodes. */
function labelOf({ name, outputs }: Node): string {
  return name || (outputs.find((output) => output !== '') ?? '')
}
