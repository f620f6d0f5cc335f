import type { Inventory, WeightFacts } from '../model/inventory.ts'
import type { Kernels } from '../model/kernels.ts'
import { floatsOf, withFloats } from './floats.ts'
import type { Plan } from './plan.ts'
import { CALL_ELEMENTS, SOURCE_BYTES } from './produce/tile.ts'

/** Bytes of kept constants that are looked at; larger ones are seen when they are quantized. */
const MOST_BYTES = 16 << 20

/** Index of the first value that is not finite, or -1. */
async function firstNotFinite({ tensor, elementCount }: WeightFacts, kernels: Kernels): Promise<number> {
  for (let start = 0; start < elementCount; start += CALL_ELEMENTS) {
    const count = Math.min(CALL_ELEMENTS, elementCount - start)
    let found = -1
    const wait = withFloats(tensor, start, count, kernels, 16, (at) => {
      found = kernels.census(at, count, at + count * 4)
    })
    if (wait) await wait
    if (found >= 0) return start + found
  }
  return -1
}

/**
 * Values that are not finite in constants that stay float: one sentence a tensor, with the first index. No error, because
 * masks are often -inf on purpose; in a weight that is quantized the same value is E_NONFINITE.
 */
export async function keptValueNotes(inventory: Inventory, plan: Plan, kernels: Kernels): Promise<readonly string[]> {
  const notes: string[] = []
  let left = MOST_BYTES
  for (const [i, weight] of inventory.weights.entries()) {
    const decision = plan.decisions[i]
    if (decision?.action !== 'keep' || SOURCE_BYTES[weight.dtype] === undefined || weight.spelling === 'sparse')
      continue
    if (weight.byteLength > left || weight.tensor.storage.kind === 'opaque') continue
    left -= weight.byteLength
    const first = await firstNotFinite(weight, kernels)
    if (first < 0) continue
    const values = await floatsOf(weight.tensor, 0, weight.elementCount, kernels)
    const count = values.reduce((sum, value) => sum + (Number.isFinite(value) ? 0 : 1), 0)
    notes.push(
      `"${weight.name}" stays float and holds ${values[first]} at element ${first} (${count} of ${values.length} values are not finite)`,
    )
  }
  return notes
}
