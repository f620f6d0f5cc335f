import { takeInventory } from '../graph/index.ts'
import type { Model } from '../model/graph.ts'
import type { Inventory } from '../model/inventory.ts'
import type { Ask } from './ask.ts'
import { type Plan, plan } from './plan.ts'
import type { Table } from './table.ts'
import { readSmall } from './tensor-bytes.ts'

export interface Rewritten {
  readonly model: Model
  readonly inventory: Inventory
  readonly plan: Plan
  readonly notes: readonly string[]
}

/**
 * Function-preserving changes that the plan needs: today the opset, raised only when a chosen node demands it. Where it
 * cannot be raised, the plan is made again with the opset as a limit, and says so.
 */
export async function rewrite(
  model: Model,
  inventory: Inventory,
  decided: Plan,
  table: Table,
  ask: Ask,
): Promise<Rewritten> {
  if (decided.minOpset <= inventory.opset) return { model, inventory, plan: decided, notes: [] }
  const { raiseOpset } = await import('../graph/rewrites/raise-opset/index.ts')
  const raised = await raiseOpset(model, decided.minOpset, readSmall)
  if ('model' in raised) {
    const again = await takeInventory(raised.model, readSmall)
    return {
      model: raised.model,
      inventory: again,
      plan: plan(again, table, ask),
      notes: [`opset raised from ${inventory.opset} to ${decided.minOpset}: the chosen nodes need it`, ...raised.notes],
    }
  }
  const limited = plan(inventory, table, { ...ask, maxOpset: inventory.opset })
  return { model, inventory, plan: limited, notes: [`opset stays ${inventory.opset}: ${raised.text}`] }
}
