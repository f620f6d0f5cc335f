import { packedLength, packInto, unpackInto } from './int.ts'
import { packTrits, unpackTrits } from './pack-trits.ts'

/**
 * Numbers below `levels` packed densely into bytes that a table can undo: as bits where they divide a byte, five base-3 digits a byte,
 * else in planes of 4, 2 and 1 bits, the highest first, each of whole bytes. Lowest bits first.
 */
export interface CodePlane {
  /** Numbers in a byte. */
  readonly perByte: 1 | 2 | 4 | 5 | 8
  /** Base of its digits. */
  readonly base: number
  /** What a digit counts. */
  readonly weight: number
}

export function codePlanes(levels: number): readonly CodePlane[] {
  if (levels === 3) return [{ perByte: 5, base: 3, weight: 1 }]
  let bits = 1
  while (2 ** bits < levels) bits++
  if (bits === 8) return [{ perByte: 1, base: 256, weight: 1 }]
  const planes: CodePlane[] = []
  for (const width of [4, 2, 1] as const) {
    if (bits < width) continue
    bits -= width
    planes.push({ perByte: (8 / width) as 2 | 4 | 8, base: 2 ** width, weight: 2 ** bits })
  }
  return planes
}

/** Bytes of each plane for `count` numbers. */
export function planeLengths(count: number, planes: readonly CodePlane[]): readonly number[] {
  return planes.map(({ perByte }) => Math.ceil(count / perByte))
}

/** Planes after each other. */
export function packPlanes(numbers: Uint8Array, levels: number): Uint8Array {
  const planes = codePlanes(levels)
  const lengths = planeLengths(numbers.length, planes)
  const packed = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  const digits = new Uint8Array(numbers.length)
  let at = 0
  for (const [index, { perByte, base, weight }] of planes.entries()) {
    const length = lengths[index] as number
    for (let i = 0; i < digits.length; i++) digits[i] = Math.floor((numbers[i] as number) / weight) % base
    if (perByte === 5) packTrits(digits, packed.subarray(at, at + length))
    else packInto(digits, 0, digits.length, 8 / perByte, 0, packed, at)
    at += length
  }
  return packed
}

/** The reverse of `packPlanes`: `count` numbers. */
export function unpackPlanes(packed: Uint8Array, count: number, levels: number): Uint8Array {
  const numbers = new Uint8Array(count)
  const digits = new Uint8Array(count)
  let at = 0
  for (const { perByte, weight } of codePlanes(levels)) {
    const length = perByte === 5 ? Math.ceil(count / 5) : packedLength(count, 8 / perByte)
    if (perByte === 5) unpackTrits(packed.subarray(at, at + length), digits)
    else unpackInto(packed, at, count, 8 / perByte, 0, digits, 0)
    for (let i = 0; i < count; i++) numbers[i] = (numbers[i] as number) + (digits[i] as number) * weight
    at += length
  }
  return numbers
}
