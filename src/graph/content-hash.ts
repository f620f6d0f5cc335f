/**
 * Two independent 32-bit sums of mixed 32-bit words: a fingerprint of 64 bits, fast in plain TypeScript.
 * Not cryptographic: equal fingerprints only select what is then compared exactly.
 * `add` depends on the order of words; `addAt` adds an element under an index, and the order of calls does not matter,
 * so a matrix and its transpose agree when both are indexed in the order of one of them.
 */
export class ContentHash {
  #first = 0x9e3779b9 | 0
  #second = 0x85ebca6b | 0

  /** Every chunk but the last must be a multiple of 4 bytes long. */
  add(bytes: Uint8Array): void {
    const whole = bytes.byteLength - (bytes.byteLength % 4)
    const words = wordsOf(bytes, whole)
    let first = this.#first
    let second = this.#second
    for (let index = 0; index < words.length; index++) {
      const word = words[index]!
      first = Math.imul(first ^ word, 0x01000193)
      first ^= first >>> 15
      second = Math.imul(second + word, 0x9e3779b1)
      second = (second << 13) | (second >>> 19)
    }
    for (let index = whole; index < bytes.byteLength; index++) {
      first = Math.imul(first ^ bytes[index]!, 0x01000193)
      second = Math.imul(second + bytes[index]!, 0x9e3779b1)
    }
    this.#first = first
    this.#second = second
  }

  /** `element` is any 32-bit value; `index` below 2^53. */
  addAt(element: number, index: number): void {
    const place = mix((index % 0x100000000) ^ Math.imul(Math.floor(index / 0x100000000), 0x27d4eb2f))
    const mixed = mix(element ^ place)
    this.#first = (this.#first + mixed) | 0
    this.#second = (this.#second + mix(mixed + Math.imul(place, 0x9e3779b1))) | 0
  }

  get value(): string {
    return `${(this.#first >>> 0).toString(16)}-${(this.#second >>> 0).toString(16)}`
  }
}

/** 32-bit words of the first `byteLength` bytes, copied when they are not aligned. */
export function wordsOf(bytes: Uint8Array, byteLength = bytes.byteLength): Uint32Array {
  const part = bytes.subarray(0, byteLength)
  const aligned = part.byteOffset % 4 === 0 ? part : part.slice()
  return new Uint32Array(aligned.buffer, aligned.byteOffset, byteLength / 4)
}

function mix(value: number): number {
  let word = value | 0
  word = Math.imul(word ^ (word >>> 16), 0x7feb352d)
  word = Math.imul(word ^ (word >>> 15), 0x846ca68b | 0)
  return word ^ (word >>> 16)
}
