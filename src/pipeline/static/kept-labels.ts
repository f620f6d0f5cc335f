import type { Node } from '../../model/graph.ts'
import type { Inventory } from '../../model/inventory.ts'
import { parseFewBits } from '../../schemes/index.ts'
import type { Ask } from '../ask.ts'
import { WIDE, wishes } from '../plan.ts'
import { isBias } from './low-bit-wishes.ts'

/**
 * Labels of products that a rule gives something else than static integers: they stay float here, the plan does the rest. `fewBits`: weights whose
 * products read rounded activations all the same.
 */
export function keptLabels(
  inventory: Inventory,
  ask: Ask,
  fewBits: ReadonlyMap<string, unknown> = new Map(),
): ReadonlySet<string> {
  const labels = new Set<string>()
  for (const { weight, what } of wishes(inventory, ask).wishes) {
    const few =
      weight.scope.length === 0 && (fewBits.has(weight.name) || (isBias(weight) && parseFewBits(what) !== null))
    if (what !== ask.to && what !== WIDE && !few) for (const use of weight.uses) labels.add(labelOf(use.node))
  }
  return labels
}

/** As the placement names nodes. */
export function labelOf({ name, outputs }: Node): string {
  return name || (outputs.find((output) => output !== '') ?? '')
}
