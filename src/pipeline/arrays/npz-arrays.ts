import { memorySource } from '../../bytes/memory.ts'
import type { ByteSource } from '../../bytes/types.ts'
import { openNpz, writeNpz } from '../../calibration/index.ts'
import type { QuantizedArray } from '../../model/array-scheme.ts'
import type { Value } from '../../model/runtime.ts'
import { arrayScheme } from '../../schemes/arrays/index.ts'
import { membersOf, storedArray, storedNames } from './array-members.ts'

/**
 * Quantized arrays as the bytes of an .npz that numpy reads on its own: members `NAME.codes`, `NAME.scales`, `NAME.scheme` and so on, as
 * `tersor quantize` writes them. The same arrays give the same bytes.
 */
export function writeQuantizedArrays(arrays: Readonly<Record<string, QuantizedArray>>): Uint8Array {
  const members = new Map<string, Value>()
  for (const [name, quantized] of Object.entries(arrays)) {
    for (const [key, value] of membersOf(name, { quantized, dtype: 'f32' }, arrayScheme(quantized.scheme))) {
      members.set(key, value)
    }
  }
  return writeNpz(members)
}

/**
 * Quantized arrays of an .npz by name, ready for `dequantizeArray`; other members are left out. Throws E_FORMAT for what is no .npz, and for
 * arrays whose parts are missing or of another kind.
 */
export async function readQuantizedArrays(
  source: ByteSource | Uint8Array,
): Promise<ReadonlyMap<string, QuantizedArray>> {
  const archive = source instanceof Uint8Array ? memorySource(source, 'the .npz') : source
  const members = new Map<string, Value>()
  for (const [key, array] of await openNpz(archive)) members.set(key, await array.all())
  return new Map(storedNames(members.keys()).map((name) => [name, storedArray(name, members).quantized]))
}
