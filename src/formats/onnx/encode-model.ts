import type { Model } from '../../model/graph.ts'
import { decodeEntry } from './decode-entry.ts'
import { encodeFunction, encodeGraph, encodeOpset } from './encode-node.ts'
import type { Placement } from './encode-tensor.ts'
import { FieldCursor } from './fields.ts'
import type { WireMessage } from './image.ts'
import { wireOf } from './image.ts'
import { intSlot, messageSlot, messagesSlot, textSlot, writeEntry } from './slots.ts'
import { writeMessage } from './template.ts'
import { MODEL } from './types.ts'
import type { WireWriter } from './writer.ts'

/** Always walks the nouns: no message is copied through. */
export function encodeModel(writer: WireWriter, model: Model, placement: Placement): void {
  const template = wireOf(model.carrier)
  writeMessage(writer, template, [
    intSlot(MODEL.irVersion, model.irVersion, false),
    textSlot(MODEL.producerName, model.producer),
    messageSlot(MODEL.graph, () => encodeGraph(writer, model.graph, placement)),
    messagesSlot(MODEL.opsetImport, model.opsets, encodeOpset),
    messagesSlot(MODEL.metadataProps, metadataEntries(model.metadata, template), (_, entry) =>
      writeEntry(writer, entry.pair, entry.template),
    ),
    messagesSlot(MODEL.functions, model.functions, (_, body) => encodeFunction(writer, body, placement)),
  ])
}

interface Entry {
  readonly pair: readonly [string, string]
  readonly template?: WireMessage
}

/** Metadata is a map to us and a list in the file: of entries with one key, the last has the map's value. */
function metadataEntries(metadata: ReadonlyMap<string, string>, template: WireMessage | undefined): Entry[] {
  const entries: Entry[] = []
  const lastOf = new Map<string, number>()
  if (template !== undefined) {
    for (const field = new FieldCursor(template); field.next(); ) {
      if (field.key !== MODEL.metadataProps) continue
      const pair = decodeEntry(field.message())
      if (!metadata.has(pair[0])) continue
      lastOf.set(pair[0], entries.length)
      entries.push({ pair, template: field.message() })
    }
  }
  for (const pair of metadata) {
    const index = lastOf.get(pair[0])
    if (index === undefined) entries.push({ pair })
    else entries[index] = { ...(entries[index] as Entry), pair }
  }
  return entries
}
