import type { Segment } from '../../model/layout.ts'

interface Insert {
  /** Position in the buffer in front of which the segment goes. */
  at: number
  readonly segment: Segment
}

export interface Mark {
  readonly position: number
  readonly inserts: number
  readonly inserted: number
}

/**
 * Writes wire data into one growing buffer; large payloads are noted as segments and never copied.
 * A message is written after `open` and gets its length in front on `close`.
 */
export class WireWriter {
  #buffer = new Uint8Array(4096)
  #view = new DataView(this.#buffer.buffer)
  #position = 0
  #inserts: Insert[] = []
  #inserted = 0

  get byteLength(): number {
    return this.#position + this.#inserted
  }

  /** Unsigned, below 2^53. `width` pads with continuation bytes, as some writers do. */
  varint(value: number, width = 0): void {
    this.#reach(10)
    let rest = value
    let written = 1
    while (rest >= 128 || written < width) {
      this.#buffer[this.#position++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
      written++
    }
    this.#buffer[this.#position++] = rest
  }

  /** Two's complement of 64 bits, as int64 and enumerations are stored. */
  int64(value: number | bigint, width = 0): void {
    if (typeof value === 'number' && value >= 0) {
      this.varint(value, width)
      return
    }
    this.#reach(10)
    let rest = BigInt.asUintN(64, BigInt(value))
    let written = 1
    while (rest >= 128n || written < width) {
      this.#buffer[this.#position++] = Number(rest % 128n) + 128
      rest /= 128n
      written++
    }
    this.#buffer[this.#position++] = Number(rest)
  }

  f32(value: number): void {
    this.#reach(4)
    this.#view.setFloat32(this.#position, value, true)
    this.#position += 4
  }

  bytes(bytes: Uint8Array): void {
    this.#reach(bytes.byteLength)
    this.#buffer.set(bytes, this.#position)
    this.#position += bytes.byteLength
  }

  segment(segment: Segment): void {
    // What others fill in has a place, also where it is empty.
    if (segment.byteLength === 0 && segment.kind !== 'produced') return
    this.#inserts.push({ at: this.#position, segment })
    this.#inserted += segment.byteLength
  }

  open(): Mark {
    return { position: this.#position, inserts: this.#inserts.length, inserted: this.#inserted }
  }

  /** Puts the length of everything since `mark` in front of it. */
  close(mark: Mark, width = 0): void {
    const end = this.#position
    const length = end - mark.position + (this.#inserted - mark.inserted)
    this.varint(length, width)
    const prefix = this.#position - end
    if (end > mark.position) {
      const head = this.#buffer.slice(end, this.#position)
      this.#buffer.copyWithin(mark.position + prefix, mark.position, end)
      this.#buffer.set(head, mark.position)
    }
    for (let index = mark.inserts; index < this.#inserts.length; index++) (this.#inserts[index] as Insert).at += prefix
  }

  /** The whole as segments. The writer is spent afterwards. */
  finish(): Segment[] {
    const segments: Segment[] = []
    let from = 0
    const upTo = (position: number): void => {
      if (position === from) return
      const bytes = this.#buffer.slice(from, position)
      segments.push({ kind: 'bytes', bytes, byteLength: bytes.byteLength })
      from = position
    }
    for (const { at, segment } of this.#inserts) {
      upTo(at)
      segments.push(segment)
    }
    upTo(this.#position)
    return segments
  }

  #reach(byteLength: number): void {
    const needed = this.#position + byteLength
    if (needed <= this.#buffer.byteLength) return
    const grown = new Uint8Array(Math.max(needed, this.#buffer.byteLength * 2))
    grown.set(this.#buffer.subarray(0, this.#position))
    this.#buffer = grown
    this.#view = new DataView(grown.buffer)
  }
}
