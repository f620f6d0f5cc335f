import type { Attribute } from '../../model/graph.ts'
import { decodeGraph } from './decode-node.ts'
import { decodeTensor } from './decode-tensor.ts'
import type { Decoder } from './decoder.ts'
import { wrong } from './decoder.ts'
import { FieldCursor } from './fields.ts'
import { WireMessage } from './image.ts'
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

/** An attribute's carrier: knows which kind of value its fields stand for. */
export class AttributeMessage extends WireMessage {
  readonly kind: Kind

  constructor(message: WireMessage, kind: Kind) {
    super(message.image, message.start, message.end)
    this.kind = kind
  }
}

/** What one pass over an attribute finds; the kind says which of it counts. */
class Found {
  name = ''
  ref = ''
  type = 0
  inferred: Kind = 'other'
  float = 0
  int: number | bigint = 0
  string = ''
  floats: number[] | undefined
  ints: (number | bigint)[] | undefined
  strings: string[] | undefined
  /** Strings too large to be text were left in the file. */
  hasPayload = false

  get kind(): Kind {
    if (this.ref !== '') return 'ref'
    const kind = this.type === 0 ? this.inferred : (KIND_OF_TYPE.get(this.type) ?? 'other')
    return this.hasPayload && (kind === 'string' || kind === 'strings') ? 'other' : kind
  }
}

export function decodeAttribute(message: WireMessage, decoder: Decoder, depth: number): Attribute {
  const found = new Found()
  for (const field = new FieldCursor(message); field.next(); ) scanField(found, field)
  const { name, kind, floats = [], ints = [], strings = [] } = found
  decoder.charge(message, 1 + strings.length)
  decoder.chargeNumbers(message, floats.length + ints.length)
  const carrier = new AttributeMessage(message, kind)
  switch (kind) {
    case 'other':
      return { name, kind, carrier }
    case 'ref':
      return { name, kind, value: found.ref, carrier }
    case 'float':
      return { name, kind, value: found.float, carrier }
    case 'int':
      return { name, kind, value: found.int, carrier }
    case 'string':
      return { name, kind, value: found.string, carrier }
    case 'floats':
      return { name, kind, value: floats, carrier }
    case 'ints':
      return { name, kind, value: ints, carrier }
    case 'strings':
      return { name, kind, value: strings, carrier }
    case 'tensor':
      return { name, kind, value: decodeTensor(only(message, ATTRIBUTE.t, name), decoder), carrier }
    case 'graph':
      return { name, kind, value: decodeGraph(only(message, ATTRIBUTE.g, name), decoder, depth + 1), carrier }
    case 'tensors': {
      const value = all(message, ATTRIBUTE.tensors).map((inner) => decodeTensor(inner, decoder))
      return { name, kind, value, carrier }
    }
    case 'graphs': {
      const value = all(message, ATTRIBUTE.graphs).map((inner) => decodeGraph(inner, decoder, depth + 1))
      return { name, kind, value, carrier }
    }
  }
}

function scanField(found: Found, field: FieldCursor): void {
  if (found.inferred === 'other') found.inferred = KIND_OF_KEY.get(field.key) ?? 'other'
  switch (field.key) {
    case ATTRIBUTE.name:
      found.name = field.text()
      break
    case ATTRIBUTE.refAttrName:
      found.ref = field.text()
      break
    case ATTRIBUTE.type:
      found.type = field.number()
      break
    case ATTRIBUTE.f:
      found.float = field.float()
      break
    case ATTRIBUTE.i:
      found.int = field.signed()
      break
    case ATTRIBUTE.s:
      if (field.elided) found.hasPayload = true
      else found.string = field.text()
      break
    case ATTRIBUTE.strings:
      found.strings ??= []
      if (field.elided) found.hasPayload = true
      else found.strings.push(field.text())
      break
    case ATTRIBUTE.floats:
      found.floats ??= []
      found.floats.push(field.float())
      break
    case ATTRIBUTE.floatsPacked: {
      found.floats ??= []
      for (const cursor = field.over(); cursor.remaining > 0; ) found.floats.push(cursor.f32())
      break
    }
    case ATTRIBUTE.ints:
      found.ints ??= []
      found.ints.push(field.signed())
      break
    case ATTRIBUTE.intsPacked: {
      found.ints ??= []
      for (const cursor = field.over(); cursor.remaining > 0; ) {
        cursor.varint()
        found.ints.push(cursor.signed())
      }
    }
  }
}

function only(message: WireMessage, key: number, name: string): WireMessage {
  const values = all(message, key)
  if (values.length === 1) return values[0] as WireMessage
  throw wrong(message, `attribute "${name}" must hold one value, found ${values.length}`)
}

function all(message: WireMessage, key: number): WireMessage[] {
  const values: WireMessage[] = []
  for (const field = new FieldCursor(message); field.next(); ) if (field.key === key) values.push(field.message())
  return values
}
