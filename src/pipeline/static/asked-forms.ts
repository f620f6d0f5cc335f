import type { AskedForm } from '../../graph/placement/index.ts'
import type { Inventory } from '../../model/inventory.ts'
import type { Ask } from '../ask.ts'
import { WIDE, wishes } from '../plan.ts'
import { labelOf } from './kept-labels.ts'

/** Forms of products that rules ask for, by label: 16-bit activations. */
export function askedForms(inventory: Inventory, ask: Ask): ReadonlyMap<string, AskedForm> {
  const forms = new Map<string, AskedForm>()
  for (const { weight, what } of wishes(inventory, ask).wishes) {
    if (what === WIDE) for (const { node } of weight.uses) forms.set(labelOf(node), 'wide')
  }
  return forms
}
