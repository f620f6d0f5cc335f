import { TersorError } from '../errors.ts'

const TWO_32 = 4294967296

/**
 * Bounds-checked reading of little-endian wire data. Every step outside [position, end) is E_FORMAT.
 * `base` is added to positions in messages, so that they name places in the file and not in a window.
 */
export class Cursor {
  readonly array: Uint8Array
  position: number
  /** End of what may be read, exclusive. */
  limit: number
  label: string
  base: number
  /** Halves of the last varint, for values that a double does not hold. */
  low = 0
  high = 0
  /** Bytes the last varint took. */
  width = 0
  #lazyView: DataView | undefined

  constructor(array: Uint8Array, label: string, position = 0, limit = array.length, base = 0) {
    if (position < 0 || limit > array.length || position > limit) {
      throw new TersorError('E_INTERNAL', `cursor [${position}, ${limit}) leaves an array of ${array.length} bytes`)
    }
    this.array = array
    this.label = label
    this.position = position
    this.limit = limit
    this.base = base
  }

  /** Most cursors only read varints, and a DataView is not cheap. */
  protected get view(): DataView {
    const { array } = this
    this.#lazyView ??= new DataView(array.buffer, array.byteOffset, array.byteLength)
    return this.#lazyView
  }

  get remaining(): number {
    return this.limit - this.position
  }

  /** Base-128 number of at most 64 bits. The result is exact below 2^53; `low` and `high` always are. */
  varint(): number {
    const bytes = this.array
    const start = this.position
    const end = this.limit
    if (start < end) {
      const first = bytes[start] as number
      if (first < 128) {
        this.low = first
        this.high = 0
        this.width = 1
        this.position = start + 1
        return first
      }
    }
    let low = 0
    let high = 0
    for (let index = 0; index < 10; index++) {
      if (start + index >= end) throw this.broken(`a number needs more than the ${index} bytes that are left`)
      const byte = bytes[start + index] as number
      const bits = byte & 127
      if (index < 4) low |= bits << (7 * index)
      else if (index === 4) {
        low |= bits << 28
        high |= bits >> 4
      } else if (index < 9) high |= bits << (7 * index - 32)
      else {
        if (byte > 1) throw this.broken('a number is longer than 64 bits')
        high |= bits << 31
      }
      if (byte < 128) {
        this.low = low >>> 0
        this.high = high >>> 0
        this.width = index + 1
        this.position = start + index + 1
        return this.high * TWO_32 + this.low
      }
    }
    throw this.broken('a number is longer than 10 bytes')
  }

  /** The last varint as int64: a number where it is exact. */
  signed(): number | bigint {
    if (this.high < 0x200000) return this.high * TWO_32 + this.low
    if (this.high >= 0xffe00000) {
      const value = (this.high - TWO_32) * TWO_32 + this.low
      if (Number.isSafeInteger(value)) return value
    }
    return BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(this.low))
  }

  /** The last varint as uint64: a number where it is exact. */
  unsigned(): number | bigint {
    if (this.high < 0x200000) return this.high * TWO_32 + this.low
    return (BigInt(this.high) << 32n) | BigInt(this.low)
  }

  u8(): number {
    return this.array[this.#step(1)] as number
  }

  u16(): number {
    return this.view.getUint16(this.#step(2), true)
  }

  u32(): number {
    return this.view.getUint32(this.#step(4), true)
  }

  u64(): bigint {
    return this.view.getBigUint64(this.#step(8), true)
  }

  f32(): number {
    return this.view.getFloat32(this.#step(4), true)
  }

  f64(): number {
    return this.view.getFloat64(this.#step(8), true)
  }

  /** A view, not a copy. */
  take(byteLength: number): Uint8Array {
    const start = this.#step(byteLength)
    return this.array.subarray(start, start + byteLength)
  }

  skip(byteLength: number): void {
    this.#step(byteLength)
  }

  broken(what: string): TersorError {
    return new TersorError('E_FORMAT', `${this.label}: ${what}, at byte ${this.base + this.position}`, {
      where: `${this.label}, byte ${this.base + this.position}`,
    })
  }

  #step(byteLength: number): number {
    const start = this.position
    if (!(byteLength >= 0 && byteLength <= this.limit - start)) {
      throw this.broken(`${byteLength} bytes expected, ${this.limit - start} left`)
    }
    this.position = start + byteLength
    return start
  }
}
