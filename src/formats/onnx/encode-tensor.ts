import type { ByteSource } from '../../bytes/types.ts'
import { TersorError } from '../../errors.ts'
import type { TensorRef } from '../../model/graph.ts'
import type { Segment } from '../../model/layout.ts'
import { TensorMessage } from './decode-tensor.ts'
import { dropSlot, intSlot, intsSlot, messagesSlot, textSlot, writeEntry } from './slots.ts'
import type { Slot } from './template.ts'
import { writeMessage } from './template.ts'
import { factsOf, TENSOR } from './types.ts'
import type { WireWriter } from './writer.ts'

/** Where a tensor's bytes go outside the model file. */
export interface Place {
  readonly location: string
  readonly offset: number
}

/** Chooses external places while a model is encoded; undefined keeps the tensor in the model file. */
export type Placement = (tensor: TensorRef, payload: () => Segment) => Place | undefined

export function encodeTensor(writer: WireWriter, tensor: TensorRef, placement: Placement): void {
  const template = tensor.carrier instanceof TensorMessage ? tensor.carrier : undefined
  const place = tensor.dtype === 'string' ? undefined : placement(tensor, () => payloadOf(tensor))
  const kept = place === undefined && template?.isInline === true && template.holds(tensor)
  writeMessage(writer, template, [
    intsSlot(TENSOR.dims, TENSOR.dimsPacked, tensor.shape),
    intSlot(TENSOR.dataType, factsOf(tensor.dtype).code, false),
    ...(kept ? [] : TYPED_DATA),
    textSlot(TENSOR.name, tensor.name),
    ...(kept ? [] : place === undefined ? inlineSlots(tensor) : externalSlots(tensor, place)),
  ])
}

const TYPED_DATA: readonly Slot[] = [
  dropSlot(TENSOR.floatData, TENSOR.floatDataPacked),
  dropSlot(TENSOR.int32Data, TENSOR.int32DataPacked),
  dropSlot(TENSOR.stringData),
  dropSlot(TENSOR.int64Data, TENSOR.int64DataPacked),
  dropSlot(TENSOR.doubleData, TENSOR.doubleDataPacked),
  dropSlot(TENSOR.uint64Data, TENSOR.uint64DataPacked),
]

function inlineSlots(tensor: TensorRef): Slot[] {
  const raw: Slot = {
    key: TENSOR.rawData,
    count: 1,
    write(writer, _from, _to, old) {
      const payload = payloadOf(tensor)
      writer.varint(TENSOR.rawData, old?.keyWidth)
      writer.varint(payload.byteLength)
      if (payload.kind === 'bytes') writer.bytes(payload.bytes)
      else writer.segment(payload)
    },
  }
  return [raw, dropSlot(TENSOR.externalData), dropSlot(TENSOR.dataLocation)]
}

function externalSlots(tensor: TensorRef, place: Place): Slot[] {
  const entries: [string, string][] = [
    ['location', place.location],
    ['offset', String(place.offset)],
    ['length', String(tensor.storage.byteLength)],
  ]
  return [
    dropSlot(TENSOR.rawData),
    messagesSlot(TENSOR.externalData, entries, (writer, entry) => writeEntry(writer, entry)),
    intSlot(TENSOR.dataLocation, 1, false),
  ]
}

/** The tensor's elements as a run of an output file. */
function payloadOf(tensor: TensorRef): Segment {
  const { storage } = tensor
  switch (storage.kind) {
    case 'bytes':
      return { kind: 'bytes', bytes: storage.bytes, byteLength: storage.byteLength }
    case 'span':
      return { kind: 'copy', source: storage.source, start: storage.start, byteLength: storage.byteLength }
    case 'produced':
      return { kind: 'produced', tensor: tensor.name, byteLength: storage.byteLength }
    case 'field':
      return { kind: 'copy', source: decodedSource(tensor.name, storage), start: 0, byteLength: storage.byteLength }
    case 'opaque':
      throw new TersorError(
        'E_UNSUPPORTED',
        `tensor "${tensor.name}": elements of type ${tensor.dtype} can only be kept as they are`,
        {
          where: tensor.name,
        },
      )
  }
}

function decodedSource(
  name: string,
  storage: { readonly byteLength: number; load(): Promise<Uint8Array> },
): ByteSource {
  return {
    label: `tensor "${name}"`,
    byteLength: storage.byteLength,
    read: async (start, end) => (await storage.load()).subarray(start, end),
  }
}
