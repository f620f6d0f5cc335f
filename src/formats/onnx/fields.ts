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
export class FieldCursor extends Cursor {
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
  readonly #messageEnd: number
  #rank: number

  constructor(message: WireMessage) {
    const { image, start, end } = message
    const rank = image.rank(start)
    const base = image.before[rank] as number
    super(image.bytes, image.source.label, start - base, image.index(end), base)
    this.image = image
    this.end = start
    this.#messageEnd = end
    this.#rank = rank
  }

  next(): boolean {
    if (this.end >= this.#messageEnd) return false
    const { before, starts } = this.image
    this.base = before[this.#rank] as number
    this.position = this.end - this.base
    this.start = this.end
    const key = readKey(this)
    this.key = key
    this.keyWidth = this.width
    this.lengthWidth = 0
    this.elided = false
    const wire = key % 8
    if (wire === BYTES) {
      const length = this.varint()
      this.lengthWidth = this.width
      this.payload = this.base + this.position
      if (length > this.#messageEnd - this.payload) throw runsPast(this, key, length, this.#messageEnd)
      this.end = this.payload + length
      this.elided = length > 0 && starts[this.#rank] === this.payload
      while (this.#rank < starts.length && (starts[this.#rank] as number) < this.end) this.#rank++
      return true
    }
    this.payload = this.base + this.position
    if (wire === VARINT) this.varint()
    else this.skip(wire === FIXED64 ? 8 : 4)
    this.end = this.base + this.position
    return true
  }

  get byteLength(): number {
    return this.end - this.payload
  }

  /** Of a varint field, for enumerations and versions; anything that a double does not hold comes out as it rounds. */
  number(): number {
    return Number(this.signed())
  }

  float(): number {
    return this.view.getFloat32(this.image.index(this.payload), true)
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

  override broken(what: string): TersorError {
    this.position = this.start - this.base
    return super.broken(what)
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
