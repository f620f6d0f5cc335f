import { TersorError } from '../errors.ts'

/**
 * Codes of 1 to 16 bits as one continuous stream of bits: lowest bits of a code first, lowest bits of a byte first.
 * Eight codes fill whole bytes whatever their width, so parts of a multiple of eight codes can be packed independently.
 */

/** Bytes that `count` codes take; the rest of the last byte is zero. Throws E_USAGE for bits outside 1 .. 16. */
export function packedBitsLength(count: number, bits: number): number {
  checkBits(bits)
  const eights = Math.floor(count / 8)
  const byteLength = eights * bits + Math.ceil(((count - eights * 8) * bits) / 8)
  if (!Number.isSafeInteger(count) || count < 0 || !Number.isSafeInteger(byteLength)) {
    throw new TersorError('E_LIMIT', `expected a number of codes below 2^52, found ${count}`)
  }
  return byteLength
}

/**
 * Writes `codes` into `target`, beginning with code number `first` of the stream; codes before it stay as they are, so
 * a stream may be written in parts from first to last. Throws E_USAGE when a code needs more bits, or the target is short.
 */
export function packBits(
  codes: Uint8Array | Uint16Array,
  bits: number,
  target: Uint8Array = new Uint8Array(packedBitsLength(codes.length, bits)),
  first = 0,
): Uint8Array {
  const end = packedBitsLength(first + codes.length, bits)
  if (target.length < end) {
    throw new TersorError('E_USAGE', `expected room for ${end} bytes of ${bits}-bit codes, found ${target.length}`)
  }
  const { byte: start, bit } = positionOf(first, bits)
  let byte = start
  let held = bit
  let word = bit > 0 ? target[byte]! & ((1 << bit) - 1) : 0
  let seen = 0
  for (let index = 0; index < codes.length; index++) {
    const code = codes[index]!
    seen |= code
    word |= code << held
    held += bits
    while (held >= 8) {
      target[byte++] = word
      word >>>= 8
      held -= 8
    }
  }
  if (held > 0 && codes.length > 0) target[byte] = word
  if (seen >> bits !== 0) {
    const index = codes.findIndex((code) => code >> bits !== 0)
    throw new TersorError('E_USAGE', `expected codes below ${2 ** bits}, found ${codes[index]} at ${first + index}`)
  }
  return target
}

/**
 * Fills `target` with codes of the stream, from code number `first` on. Throws E_FORMAT when `bytes` ends before,
 * E_USAGE when the target's elements are narrower than a code.
 */
export function unpackBits<T extends Uint8Array | Uint16Array>(
  bytes: Uint8Array,
  bits: number,
  target: T,
  first = 0,
): T {
  const end = packedBitsLength(first + target.length, bits)
  if (bytes.length < end) {
    throw new TersorError('E_FORMAT', `expected ${end} bytes of ${bits}-bit codes, found ${bytes.length}`)
  }
  if (bits > target.BYTES_PER_ELEMENT * 8) {
    throw new TersorError('E_USAGE', `expected room for ${bits} bits a code, found ${target.BYTES_PER_ELEMENT * 8}`)
  }
  const { byte: start, bit } = positionOf(first, bits)
  const mask = 2 ** bits - 1
  let byte = start
  let held = 0
  let word = 0
  if (bit > 0 && target.length > 0) {
    word = bytes[byte++]! >>> bit
    held = 8 - bit
  }
  for (let index = 0; index < target.length; index++) {
    while (held < bits) {
      word |= bytes[byte++]! << held
      held += 8
    }
    target[index] = word & mask
    word >>>= bits
    held -= bits
  }
  return target
}

function checkBits(bits: number): void {
  if (!Number.isInteger(bits) || bits < 1 || bits > 16) {
    throw new TersorError('E_USAGE', `expected codes of 1 to 16 bits, found ${bits}`)
  }
}

/** In eights, so that no product leaves the safe integers before the result does. */
function positionOf(first: number, bits: number): { byte: number; bit: number } {
  const eights = Math.floor(first / 8)
  const rest = (first - eights * 8) * bits
  return { byte: eights * bits + Math.floor(rest / 8), bit: rest % 8 }
}
