import { roundToF16 } from '../numbers/f16.ts'
import type { WeightWork } from './plan.ts'

/** What is found for one weight. */
export type Transformed = Pick<WeightWork, 'balance' | 'inverse' | 'floatRows' | 'least'>

/** The nearest balance whose reciprocals f16 holds: what is stored is those, and the balance is what they undo. */
export function storable(balance: Float32Array): Float32Array {
  return balance.map((value) => 1 / roundToF16(1 / value))
}

export function inverseOf(balance: Float32Array): Float32Array {
  return balance.map((value) => roundToF16(1 / value))
}
