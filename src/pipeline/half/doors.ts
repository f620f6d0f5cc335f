import type { QuantizeOptions } from '../ask-of.ts'
import type { HalfPlan } from './half-plan.ts'

/** Types of inputs and outputs as the option says. */
export function doorsOf({ io }: Pick<QuantizeOptions, 'io'>): HalfPlan['doors'] {
  return io === 'fp16' ? 'f16' : 'kept'
}
