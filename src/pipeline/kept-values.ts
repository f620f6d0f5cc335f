import { readTensor } from '../formats/onnx/index.ts'
import type { Inventory } from '../model/inventory.ts'
import type { Kernels } from '../model/kernels.ts'
import type { Plan } from './plan.ts'
import { loadFloats } from './produce/plain.ts'
import { SOURCE_BYTES } from './produce/tile.ts'
import type { UnitIo } from './produce/types.ts'

/** Bytes of kept constants that are looked at; larger ones are seen when they are quantized. */
const MOST_BYTES = 16 << 20

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
    const bytes = await readTensor(weight.tensor)
    const io: UnitIo = {
      read: (_source, offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
      write: () => undefined,
    }
    const source = { kind: 'bytes' as const, bytes, byteLength: bytes.length }
    const values = await loadFloats(
      { source, dtype: weight.dtype, shape: weight.shape, label: weight.name },
      io,
      kernels,
    )
    const first = values.findIndex((value) => !Number.isFinite(value))
    if (first < 0) continue
    const count = values.reduce((sum, value) => sum + (Number.isFinite(value) ? 0 : 1), 0)
    notes.push(
      `"${weight.name}" stays float and holds ${values[first]} at element ${first} (${count} of ${values.length} values are not finite)`,
    )
  }
  return notes
}
