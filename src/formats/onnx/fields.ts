import { Cursor } from '../../bytes/cursor.ts'
import type { TersorError } from '../../errors.ts'
import type { Image } from './image.ts'
import { WireMessage } from './image.ts'
import { decodeText } from './text.ts'
import { BYTES, FIXED32, FIXED64, VARINT } from './types.ts'

/**
 * Walks the fields of one message. Positions are file offsets.
 * A payload may be left out of the image (`elided`); its offset and length are known all the same.
 */
export class FieldCursor {
  readonly image: Image
  /** number * 8 + wire type of the current field. */
  key = 0
  /** Where the field's key starts, its payload starts, and the field ends. */
  start = 0
  payload = 0
  end: number
  /** Bytes that key and length take in the file; more than needed is legal and kept. */
  keyWidth = 0
  lengthWidth = 0
  elided = false
  readonly #cursor: Cursor
  readonly #messageEnd: number
  #rank: number

  constructor(message: WireMessage) {
    const { image } = message
    this.image = image
    this.end = message.start
    this.#messageEnd = message.end
    this.#rank = image.rank(message.start)
    const first = message.start - (image.before[this.#rank] as number)
    this.#cursor = new Cursor(image.bytes, image.source.label, first, image.index(message.end))
  }

  next(): boolean {
    if (this.end >= this.#messageEnd) return false
    const cursor = this.#cursor
    const { before, starts } = this.image
    cursor.base = before[this.#rank] as number
    cursor.position = this.end - cursor.base
    this.start = this.end
    const key = readKey(cursor)
    this.key = key
    this.keyWidth = cursor.width
    this.lengthWidth = 0
    this.elided = false
    const wire = key % 8
    if (wire === BYTES) {
      const length = cursor.varint()
      this.lengthWidth = cursor.width
      this.payload = cursor.base + cursor.position
      if (length > this.#messageEnd - this.payload) throw runsPast(cursor, key, length, this.#messageEnd)
      this.end = this.payload + length
      this.elided = length > 0 && starts[this.#rank] === this.payload
      while (this.#rank < starts.length && (starts[this.#rank] as number) < this.end) this.#rank++
      return true
    }
    this.payload = cursor.base + cursor.position
    if (wire === VARINT) cursor.varint()
    else cursor.skip(wire === FIXED64 ? 8 : 4)
    this.end = cursor.base + cursor.position
    return true
  }

  get byteLength(): number {
    return this.end - this.payload
  }

  /** Of a varint field. */
  signed(): number | bigint {
    return this.#cursor.signed()
  }

  /** Of a varint field, for enumerations and versions; anything that a double does not hold comes out as it rounds. */
  number(): number {
    return Number(this.#cursor.signed())
  }

  float(): number {
    return this.over().f32()
  }

  /** The payload: a view of the image. */
  bytes(): Uint8Array {
    if (this.elided) throw this.broken('a text or number list is larger than any model needs')
    const start = this.image.index(this.payload)
    return this.image.bytes.subarray(start, start + this.byteLength)
  }

  text(): string {
    return decodeText(this.bytes())
  }

  message(): WireMessage {
    if (this.elided) throw this.broken('a message is larger than any model needs')
    return new WireMessage(this.image, this.payload, this.end)
  }

  /** A cursor over the payload. */
  over(): Cursor {
    const start = this.image.index(this.payload)
    return new Cursor(this.image.bytes, this.image.source.label, start, start + this.byteLength, this.payload - start)
  }

  broken(what: string): TersorError {
    this.#cursor.base = 0
    this.#cursor.position = this.start
    return this.#cursor.broken(what)
  }
}

/** Reads number * 8 + wire type and refuses what ONNX never holds: field 0, groups, the two unused wire types. */
export function readKey(cursor: Cursor): number {
  const at = cursor.position
  const key = cursor.varint()
  const wire = key % 8
  const known = wire === VARINT || wire === FIXED64 || wire === BYTES || wire === FIXED32
  if (known && key >= 8 && key <= 0xffffffff) return key
  cursor.position = at
  if (key < 8) throw cursor.broken('expected a field, found field number 0')
  if (key > 0xffffffff) throw cursor.broken('expected a field, found a field number beyond 2^29')
  if (wire === 3 || wire === 4) throw cursor.broken('expected a field, found a group, which ONNX does not use')
  throw cursor.broken(`expected a field, found wire type ${wire}`)
}

export function runsPast(cursor: Cursor, key: number, length: number, end: number): TersorError {
  const from = cursor.base + cursor.position
  return cursor.broken(
    `field ${Math.floor(key / 8)} claims ${length} bytes, its message has ${end - from} left; the file is truncated or damaged`,
  )
}
