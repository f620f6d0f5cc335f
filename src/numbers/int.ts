import { TersorError } from '../errors.ts'

/**
 * Codes of 2, 4 or 8 bits, one byte a code in memory and packed in files: the first code sits in the lowest bits of
 * the first byte. What is left of the last byte is zero.
 */

/** Bytes of `count` packed codes. */
export function packedLength(count: number, bits: number): number {
  const perByte = 8 / bits
  const rest = count % perByte
  return (count - rest) / perByte + (rest > 0 ? 1 : 0)
}

/**
 * Packs `count` codes from `codes[start]` into `target` from byte `at`; every code is XORed with `flip`
 * (half the number of codes turns unsigned codes into two's complement ones and back).
 */
export function packInto(
  codes: Uint8Array,
  start: number,
  count: number,
  bits: number,
  flip: number,
  target: Uint8Array,
  at: number,
): void {
  if (bits === 8) {
    for (let index = 0; index < count; index++) target[at + index] = codes[start + index]! ^ flip
    return
  }
  const perByte = 8 / bits
  let byte = at
  for (let index = 0; index < count; byte++) {
    let packed = 0
    const end = Math.min(count, index + perByte)
    for (let shift = 0; index < end; index++, shift += bits) packed |= (codes[start + index]! ^ flip) << shift
    target[byte] = packed
  }
}

/** The reverse of `packInto`. */
export function unpackInto(
  packed: Uint8Array,
  at: number,
  count: number,
  bits: number,
  flip: number,
  codes: Uint8Array,
  start: number,
): void {
  const mask = (1 << bits) - 1
  const perByte = 8 / bits
  let byte = at
  for (let index = 0; index < count; byte++) {
    const value = packed[byte]!
    const end = Math.min(count, index + perByte)
    for (let shift = 0; index < end; index++, shift += bits) codes[start + index] = ((value >>> shift) & mask) ^ flip
  }
}

/** All codes packed, optionally flipped. */
export function packCodes(codes: Uint8Array, bits: number, flip = 0): Uint8Array {
  const packed = new Uint8Array(packedLength(codes.length, bits))
  packInto(codes, 0, codes.length, bits, flip, packed, 0)
  return packed
}

/** `count` codes from packed bytes. Throws E_FORMAT when there are fewer bytes than they need. */
export function unpackCodes(packed: Uint8Array, count: number, bits: number, flip = 0): Uint8Array {
  const need = packedLength(count, bits)
  if (packed.length < need) {
    throw new TersorError(
      'E_FORMAT',
      `expected ${need} bytes for ${count} codes of ${bits} bits, found ${packed.length}`,
    )
  }
  const codes = new Uint8Array(count)
  unpackInto(packed, 0, count, bits, flip, codes, 0)
  return codes
}

/** 2^(bits-1): the zero of symmetric codes, and the XOR between signed and unsigned storage. */
export function halfOf(bits: number): number {
  return 1 << (bits - 1)
}
