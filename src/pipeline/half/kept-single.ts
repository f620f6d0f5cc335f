import type { WeightFacts } from '../../model/inventory.ts'
import type { Reason } from '../../model/plan.ts'
import { tensorKey } from '../tensor-key.ts'
import type { HalfPlan } from './half-plan.ts'

/** Why a weight stays f32; null when it is stored in f16. */
export function keptSingle(plan: HalfPlan, weight: WeightFacts): Reason | null {
  if (weight.dtype !== 'f32') return { code: 'not-float', text: `${weight.dtype} already` }
  const known = plan.constants.get(tensorKey(weight.scope, weight.name))
  return known === undefined ? { code: 'not-float', text: 'it came in with a rewrite' } : known.keep
}
