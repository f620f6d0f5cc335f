// Codes of one byte to as many as a byte holds, and back: 1, 2, 4 or 8 low bits first, or 5 base-3 digits. Twin: src/kernels/reference/dense.ts.
import { DIGITS_OF } from './memory'
import { packCodes, unpackCodes } from './pack'

/** Bytes that `count` codes take. */
@inline export function denseBytes(count: i32, perByte: i32): i32 {
  return (count + perByte - 1) / perByte
}

/** Byte 4 of a product with five digits is digit 0 + 3 * digit 1 + 9 * digit 2 + 27 * digit 3 + 81 * digit 4; no byte carries into the next. */
const DIGITS: i64 = 0x01_03_09_1b_51

/** May read up to seven bytes beyond the codes. */
function packTrits(codes: usize, count: i32, dst: usize): void {
  for (; count >= 20; count -= 20, codes += 20, dst += 4) {
    i64.store8(dst, (i64.load(codes) * DIGITS) >> 32)
    i64.store8(dst, (i64.load(codes, 5) * DIGITS) >> 32, 1)
    i64.store8(dst, (i64.load(codes, 10) * DIGITS) >> 32, 2)
    i64.store8(dst, (i64.load(codes, 15) * DIGITS) >> 32, 3)
  }
  for (; count >= 5; count -= 5, codes += 5, dst++) i64.store8(dst, (i64.load(codes) * DIGITS) >> 32)
  if (count > 0) {
    const kept: i64 = (1 << (<i64>count << 3)) - 1
    i64.store8(dst, ((i64.load(codes) & kept) * DIGITS) >> 32)
  }
}

let ready = false

/** The digits of every byte, eight bytes each. Bytes beyond 242 have a last digit of 3. */
function fillDigits(): void {
  for (let byte = 0; byte < 256; byte++) {
    let rest = byte
    const at = DIGITS_OF + (<usize>byte << 3)
    for (let i: usize = 0; i < 4; i++) {
      i32.store8(at + i, rest % 3)
      rest /= 3
    }
    i32.store(at, rest, 4)
  }
  ready = true
}

/** May write up to seven bytes beyond the codes. */
function unpackTrits(src: usize, count: i32, codes: usize): void {
  if (!ready) fillDigits()
  for (; count > 0; count -= 5, src++, codes += 5) i64.store(codes, i64.load(DIGITS_OF + (<usize>i32.load8_u(src) << 3)))
}

/** Eight codes a byte. */
function packSigns(codes: usize, count: i32, dst: usize): void {
  for (; count >= 16; count -= 16, codes += 16, dst += 2) i32.store16(dst, i8x16.bitmask(i8x16.shl(v128.load(codes), 7)))
  for (; count > 0; count -= 8, dst++) {
    let byte = 0
    for (let i = 0; i < 8 && i < count; i++) byte |= i32.load8_u(codes++) << i
    i32.store8(dst, byte)
  }
}

function unpackSigns(src: usize, count: i32, codes: usize): void {
  for (; count > 0; count -= 8, src++, codes += 8) {
    // Bit i to byte i: the product repeats the byte, the mask keeps one bit of each copy.
    const spread = ((<i64>i32.load8_u(src) * 0x0101010101010101) & 0x8040201008040201) + 0x00406070787c7e7f
    i64.store(codes, (spread >>> 7) & 0x0101010101010101)
  }
}

/** `codes` lies in scratch memory: what is read beyond its end is not used. */
export function packDense(codes: usize, count: i32, perByte: i32, dst: usize): void {
  if (perByte == 5) packTrits(codes, count, dst)
  else if (perByte == 8) packSigns(codes, count, dst)
  else packCodes(codes, count, 8 / perByte, dst)
}

/** `codes` lies in scratch memory: up to seven bytes beyond its end are written. */
export function unpackDense(src: usize, count: i32, perByte: i32, codes: usize): void {
  if (perByte == 5) unpackTrits(src, count, codes)
  else if (perByte == 8) unpackSigns(src, count, codes)
  else unpackCodes(src, count, 8 / perByte, 0, codes)
}
