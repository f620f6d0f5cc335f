import { Cursor } from '../../bytes/cursor.ts'
import { readKey } from './fields.ts'
import { BYTES, FIXED64, MODEL, VARINT } from './types.ts'

const MODEL_KEYS: ReadonlySet<number> = new Set(Object.values(MODEL))

/**
 * Does a file that starts like this hold an ONNX model? True when its first field is one of a model and what follows in sight is
 * protobuf without groups. Never throws.
 */
export function sniff(head: Uint8Array): boolean {
  const cursor = new Cursor(head, 'head')
  try {
    if (!MODEL_KEYS.has(cursor.varint())) return false
  } catch {
    return false
  }
  try {
    for (cursor.position = 0; cursor.remaining > 0; ) {
      const wire = readKey(cursor) % 8
      const length = payloadLength(cursor, wire)
      if (length > cursor.remaining) return true
      cursor.skip(length)
    }
    return true
  } catch {
    // The head may end inside a number, which then is all continuation; anything else is not protobuf.
    return head.subarray(cursor.position).every((byte) => byte > 127)
  }
}

function payloadLength(cursor: Cursor, wire: number): number {
  if (wire === FIXED64) return 8
  if (wire !== VARINT && wire !== BYTES) return 4
  const value = cursor.varint()
  return wire === BYTES ? value : 0
}
