import type { Attribute, Graph, TensorRef } from '../../model/graph.ts'
import { decodeGraph } from './decode-node.ts'
import { decodeTensor } from './decode-tensor.ts'
import type { Decoder } from './decoder.ts'
import { wrong } from './decoder.ts'
import { FieldCursor } from './fields.ts'
import type { WireMessage } from './image.ts'
import { ATTRIBUTE, ATTRIBUTE_TYPE } from './types.ts'

type Kind = Attribute['kind']

const KIND_OF_TYPE = new Map<number, Kind>(Object.entries(ATTRIBUTE_TYPE).map(([kind, code]) => [code, kind as Kind]))

/** Files of the first versions have no type: the field in use says it. */
const KIND_OF_KEY = new Map<number, Kind>([
  [ATTRIBUTE.f, 'float'],
  [ATTRIBUTE.i, 'int'],
  [ATTRIBUTE.s, 'string'],
  [ATTRIBUTE.t, 'tensor'],
  [ATTRIBUTE.g, 'graph'],
  [ATTRIBUTE.floats, 'floats'],
  [ATTRIBUTE.floatsPacked, 'floats'],
  [ATTRIBUTE.ints, 'ints'],
  [ATTRIBUTE.intsPacked, 'ints'],
  [ATTRIBUTE.strings, 'strings'],
  [ATTRIBUTE.tensors, 'tensors'],
  [ATTRIBUTE.graphs, 'graphs'],
])

export function decodeAttribute(message: WireMessage, decoder: Decoder, depth: number): Attribute {
  decoder.charge(message)
  const { name, kind, ref } = scanAttribute(message)
  const base = { name, carrier: message }
  switch (kind) {
    case 'other':
      return { ...base, kind }
    case 'ref':
      return { ...base, kind, value: ref }
    case 'float':
      return { ...base, kind, value: last(message, ATTRIBUTE.f, 0, (field) => field.float()) }
    case 'int':
      return { ...base, kind, value: last<number | bigint>(message, ATTRIBUTE.i, 0, (field) => field.signed()) }
    case 'string':
      return { ...base, kind, value: last(message, ATTRIBUTE.s, '', (field) => field.text()) }
    case 'tensor':
      return { ...base, kind, value: only(message, ATTRIBUTE.t, name, (inner) => decodeTensor(inner, decoder)) }
    case 'graph':
      return {
        ...base,
        kind,
        value: only(message, ATTRIBUTE.g, name, (inner) => decodeGraph(inner, decoder, depth + 1)),
      }
    case 'floats':
      return { ...base, kind, value: floats(message, decoder) }
    case 'ints':
      return { ...base, kind, value: ints(message, decoder) }
    case 'strings': {
      const value = all(message, ATTRIBUTE.strings, (field) => field.text())
      decoder.charge(message, value.length)
      return { ...base, kind, value }
    }
    case 'tensors':
      return {
        ...base,
        kind,
        value: all<TensorRef>(message, ATTRIBUTE.tensors, (field) => decodeTensor(field.message(), decoder)),
      }
    case 'graphs':
      return {
        ...base,
        kind,
        value: all<Graph>(message, ATTRIBUTE.graphs, (field) => decodeGraph(field.message(), decoder, depth + 1)),
      }
  }
}

export function decodeAttributeKind(message: WireMessage): Kind {
  return scanAttribute(message).kind
}

function scanAttribute(message: WireMessage): { name: string; kind: Kind; ref: string } {
  let name = ''
  let ref = ''
  let type = 0
  let inferred: Kind = 'other'
  let hasPayload = false
  for (const field = new FieldCursor(message); field.next(); ) {
    if (field.key === ATTRIBUTE.name) name = field.text()
    else if (field.key === ATTRIBUTE.refAttrName) ref = field.text()
    else if (field.key === ATTRIBUTE.type) type = field.number()
    else {
      if (inferred === 'other') inferred = KIND_OF_KEY.get(field.key) ?? 'other'
      // Strings too large to be text were left in the file.
      if (field.elided && (field.key === ATTRIBUTE.s || field.key === ATTRIBUTE.strings)) hasPayload = true
    }
  }
  let kind: Kind = ref !== '' ? 'ref' : type === 0 ? inferred : (KIND_OF_TYPE.get(type) ?? 'other')
  if (hasPayload && (kind === 'string' || kind === 'strings')) kind = 'other'
  return { name, kind, ref }
}

function last<T>(message: WireMessage, key: number, otherwise: T, read: (field: FieldCursor) => T): T {
  let value = otherwise
  for (const field = new FieldCursor(message); field.next(); ) if (field.key === key) value = read(field)
  return value
}

function only<T>(message: WireMessage, key: number, name: string, read: (inner: WireMessage) => T): T {
  const values = all(message, key, (field) => field.message())
  if (values.length !== 1) throw wrong(message, `attribute "${name}" must hold one value, found ${values.length}`)
  return read(values[0] as WireMessage)
}

function all<T>(message: WireMessage, key: number, read: (field: FieldCursor) => T): T[] {
  const values: T[] = []
  for (const field = new FieldCursor(message); field.next(); ) if (field.key === key) values.push(read(field))
  return values
}

function floats(message: WireMessage, decoder: Decoder): number[] {
  const values: number[] = []
  for (const field = new FieldCursor(message); field.next(); ) {
    if (field.key === ATTRIBUTE.floats) values.push(field.float())
    else if (field.key === ATTRIBUTE.floatsPacked) {
      decoder.chargeNumbers(message, field.byteLength / 4)
      for (const cursor = field.over(); cursor.remaining > 0; ) values.push(cursor.f32())
    }
  }
  decoder.chargeNumbers(message, values.length)
  return values
}

function ints(message: WireMessage, decoder: Decoder): (number | bigint)[] {
  const values: (number | bigint)[] = []
  for (const field = new FieldCursor(message); field.next(); ) {
    if (field.key === ATTRIBUTE.ints) values.push(field.signed())
    else if (field.key === ATTRIBUTE.intsPacked) {
      for (const cursor = field.over(); cursor.remaining > 0; ) {
        cursor.varint()
        values.push(cursor.signed())
      }
    }
  }
  decoder.chargeNumbers(message, values.length)
  return values
}
