import type { Feeds, Value } from '../model/runtime.ts'
import { type Numbers, numbersOf } from './elements.ts'

const MASK = /mask/i

/** The input that says which of these positions count; undefined where all do. */
export function maskFor(ids: Value, feeds: Feeds): Numbers | undefined {
  for (const [name, value] of Object.entries(feeds)) {
    if (value === ids || !MASK.test(name) || !(value.data instanceof Uint8Array)) continue
    if (String(value.shape) === String(ids.shape)) return numbersOf(value, name)
  }
  return undefined
}
