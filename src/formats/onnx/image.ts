import type { ByteSource } from '../../bytes/types.ts'

/**
 * A model file without its large payloads: every byte of structure, in order, in memory.
 * Positions everywhere are *file offsets*; `index` turns them into places in `bytes`.
 */
export class Image {
  readonly source: ByteSource
  readonly bytes: Uint8Array
  /** File offsets of the payloads left out, rising. */
  readonly starts: readonly number[]
  /** before[i]: bytes left out before starts[i]; one more entry at the end for the total. */
  readonly before: readonly number[]

  constructor(source: ByteSource, bytes: Uint8Array, starts: readonly number[], before: readonly number[]) {
    this.source = source
    this.bytes = bytes
    this.starts = starts
    this.before = before
  }

  /** How many left-out payloads start before `offset`. */
  rank(offset: number): number {
    let low = 0
    let high = this.starts.length
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if ((this.starts[middle] as number) < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  index(offset: number): number {
    return offset - (this.before[this.rank(offset)] as number)
  }
}

/** An image of bytes that are all in memory. */
export function imageOf(source: ByteSource, bytes: Uint8Array): Image {
  return new Image(source, bytes, [], [0])
}

/**
 * One message of an image. As a carrier it is what an unchanged noun is written back from:
 * its field order, spelling of numbers, unknown fields.
 */
export class WireMessage {
  readonly image: Image
  readonly start: number
  readonly end: number

  constructor(image: Image, start: number, end: number) {
    this.image = image
    this.start = start
    this.end = end
  }
}

/** The carrier as ours, or undefined when the noun is new or came from elsewhere. */
export function wireOf(carrier: unknown): WireMessage | undefined {
  return carrier instanceof WireMessage ? carrier : undefined
}
