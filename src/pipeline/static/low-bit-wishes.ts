import type { Inventory, WeightRole } from '../../model/inventory.ts'
import { tryParseSchemeId } from '../../schemes/index.ts'
import type { Ask } from '../ask.ts'
import { wishes } from '../plan.ts'

const PRODUCTS: ReadonlySet<WeightRole> = new Set<WeightRole>(['conv', 'gemm', 'matmul'])

/**
 * Weights of the main graph that rules give symmetric codes of fewer than 8 bits by channel (`int4-channel-sym`), with their bits: these keep
 * rounded activations, and `learnWeights` finds their codes.
 */
export function lowBitWishes(inventory: Inventory, ask: Ask): ReadonlyMap<string, number> {
  const bits = new Map<string, number>()
  for (const { weight, what } of wishes(inventory, ask).wishes) {
    const spec = what === ask.to ? null : tryParseSchemeId(what)
    if (spec?.family !== 'integer' || spec.bits === 8 || !spec.symmetric || spec.granularity.kind !== 'channel')
      continue
    if (weight.scope.length > 0 || !weight.uses.every(({ role }) => PRODUCTS.has(role))) continue
    bits.set(weight.name, spec.bits)
  }
  return bits
}
