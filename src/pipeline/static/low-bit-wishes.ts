import { TersorError } from '../../errors.ts'
import type { Inventory, WeightFacts, WeightRole } from '../../model/inventory.ts'
import { type FewBits, parseFewBits, tryParseSchemeId } from '../../schemes/index.ts'
import type { Ask } from '../ask.ts'
import { wishes } from '../plan.ts'

const PRODUCTS: ReadonlySet<WeightRole> = new Set<WeightRole>(['conv', 'gemm', 'matmul'])

/**
 * Weights of the main graph that rules give codes of fewer than 8 bits by channel (`int4-channel-sym`): these keep rounded activations, and
 * `learnWeights` finds their codes. E_UNSUPPORTED for widths that only these can have, on anything else.
 */
export function lowBitWishes(inventory: Inventory, ask: Ask): ReadonlyMap<string, FewBits> {
  const found = new Map<string, FewBits>()
  for (const { weight, what } of wishes(inventory, ask).wishes) {
    const few = what === ask.to ? null : parseFewBits(what)
    if (few === null || isBias(weight)) continue
    if (weight.scope.length === 0 && weight.uses.length > 0 && weight.uses.every(({ role }) => PRODUCTS.has(role))) {
      found.set(weight.name, few)
    } else if (tryParseSchemeId(what) === null) {
      throw new TersorError('E_UNSUPPORTED', `${what} is for weights of Conv, Gemm and MatMul in the main graph`, {
        where: `tensor "${weight.name}"`,
        hint: 'use int4-channel-sym or int2-channel-sym, or name other weights in the rule',
      })
    }
  }
  return found
}

/** A rule for an operator names its biases, too; they go with their weights. */
export function isBias({ uses, shape }: WeightFacts): boolean {
  return shape.length < 2 && uses.length > 0 && uses.every(({ role }) => role === 'bias' || role === 'other')
}
