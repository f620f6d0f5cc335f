import type { ParameterArray, ParameterSpec } from '../../model/array-scheme.ts'
import type { Storage } from './storage.ts'

/** Parameters of one group (or the shared ones) from their arrays to `target`, in the order of the specs. */
export function loadParameters(
  storage: Storage,
  specs: readonly ParameterSpec[],
  arrays: readonly ParameterArray[],
  group: number,
  target: Float32Array,
): void {
  let at = 0
  for (const [position, { type, count }] of specs.entries()) {
    const array = arrays[position] as ParameterArray
    for (let i = 0; i < count; i++) target[at++] = storage.load(array, type, group * count + i)
  }
}

/** The reverse of `loadParameters`. */
export function storeParameters(
  storage: Storage,
  specs: readonly ParameterSpec[],
  arrays: readonly ParameterArray[],
  group: number,
  source: Float32Array,
): void {
  let at = 0
  for (const [position, { type, count }] of specs.entries()) {
    const array = arrays[position] as ParameterArray
    for (let i = 0; i < count; i++) storage.store(array, type, group * count + i, source[at++] as number)
  }
}

export function totalCount(specs: readonly ParameterSpec[]): number {
  return specs.reduce((sum, { count }) => sum + count, 0)
}
