import { FieldCursor } from './fields.ts'
import type { Image, WireMessage } from './image.ts'
import type { WireWriter } from './writer.ts'

/**
 * What the current nouns say about one field. `write` puts down the whole field (key and payload) for the given item;
 * `old` is the field it replaces.
 */
export interface Slot {
  readonly key: number
  /** The packed spelling of a list of numbers. */
  readonly packedKey?: number
  /** How many items the nouns hold. */
  readonly count: number
  /** Not written when the template has no such field: its value is the default. */
  readonly implied?: boolean
  /** Only the last occurrence counts, as protobuf has it for single fields; earlier ones are kept as they are. */
  readonly single?: boolean
  /** Items taken by one field of the template: 1 unless it is a packed list. */
  span?(old: FieldCursor): number
  /** Keeps a template field as it stands, outside counting. */
  keeps?(old: FieldCursor): boolean
  write(writer: WireWriter, from: number, to: number, old: FieldCursor | undefined): void
}

interface Progress {
  readonly slot: Slot
  occurrences: number
  seen: number
  used: number
}

/**
 * Writes one message. Fields of the template keep their order; the k-th occurrence of a known field holds the k-th current item,
 * what is too many is dropped, what is new follows the last occurrence; unknown fields stay.
 * Without a template (or a place in it) slots follow in their own order.
 */
export function writeMessage(writer: WireWriter, template: WireMessage | undefined, slots: readonly Slot[]): void {
  if (template === undefined) {
    for (const slot of slots) if (slot.count > 0 && !slot.implied) slot.write(writer, 0, slot.count, undefined)
    return
  }
  const states = new Map<number, Progress>()
  for (const slot of slots) {
    const state: Progress = { slot, occurrences: 0, seen: 0, used: 0 }
    states.set(slot.key, state)
    if (slot.packedKey !== undefined) states.set(slot.packedKey, state)
  }
  for (const field = new FieldCursor(template); field.next(); ) {
    const state = states.get(field.key)
    if (state !== undefined && !state.slot.keeps?.(field)) state.occurrences++
  }
  for (const field = new FieldCursor(template); field.next(); ) {
    const state = states.get(field.key)
    if (state === undefined || state.slot.keeps?.(field)) writeVerbatim(writer, field.image, field.start, field.end)
    else writeOccurrence(writer, state, field)
  }
  for (const slot of slots) {
    const state = states.get(slot.key) as Progress
    if (state.occurrences === 0 && slot.count > 0 && !slot.implied) slot.write(writer, 0, slot.count, undefined)
  }
}

function writeOccurrence(writer: WireWriter, state: Progress, field: FieldCursor): void {
  const { slot } = state
  state.seen++
  const last = state.seen === state.occurrences
  if (slot.single && !last) {
    writeVerbatim(writer, field.image, field.start, field.end)
    return
  }
  const span = slot.span?.(field) ?? 1
  const from = state.used
  const to = last ? slot.count : Math.min(from + span, slot.count)
  state.used = to
  if (to > from || span === 0) slot.write(writer, from, to, field)
}

/** Bytes of an image as they stand, with what was left out of it as segments. */
export function writeVerbatim(writer: WireWriter, image: Image, start: number, end: number): void {
  let from = start
  for (let rank = image.rank(start); rank < image.starts.length; rank++) {
    const payload = image.starts[rank] as number
    if (payload >= end) break
    const byteLength = (image.before[rank + 1] as number) - (image.before[rank] as number)
    writer.bytes(image.bytes.subarray(image.index(from), image.index(payload)))
    writer.segment({ kind: 'copy', source: image.source, start: payload, byteLength })
    from = payload + byteLength
  }
  writer.bytes(image.bytes.subarray(image.index(from), image.index(end)))
}
