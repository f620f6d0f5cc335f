import { FieldCursor } from './fields.ts'
import type { WireMessage } from './image.ts'
import { ENTRY } from './types.ts'

/** StringStringEntryProto: key and value. */
export function decodeEntry(message: WireMessage): [string, string] {
  let key = ''
  let value = ''
  for (const field = new FieldCursor(message); field.next(); ) {
    if (field.key === ENTRY.key) key = field.text()
    else if (field.key === ENTRY.value) value = field.text()
  }
  return [key, value]
}
