import { Cursor } from '../../bytes/cursor.ts'
import { MODEL } from './types.ts'

const MODEL_KEYS: ReadonlySet<number> = new Set(Object.values(MODEL))
const BYTES_WIRE = 2

/**
 * Does a file that starts like this hold an ONNX model? True when every field in sight is one that a model can have.
 * Never throws.
 */
export function sniff(head: Uint8Array): boolean {
  const cursor = new Cursor(head, 'head')
  let fields = 0
  try {
    while (cursor.remaining > 0) {
      const key = cursor.varint()
      if (!MODEL_KEYS.has(key)) return false
      fields++
      const value = cursor.varint()
      if (key % 8 !== BYTES_WIRE) continue
      if (value > cursor.remaining) return true
      cursor.skip(value)
    }
  } catch {
    // The head ends inside a field.
    return fields > 0
  }
  return fields > 0
}
