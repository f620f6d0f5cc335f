import type { Arena } from './arena.ts'

const WEIGHT_BITS = 22
/** What makes the cut of the last bits a rounding. */
const HALF = 2097152
const { imul } = Math

export function weighAcross(
  { u8, buffer }: Arena,
  src: number,
  rows: number,
  rowBytes: number,
  taps: number,
  columns: number,
  weights: number,
  dst: number,
): void {
  const i32 = new Int32Array(buffer)
  for (let row = 0, to = dst; row < rows; row++) {
    let weight = weights / 4
    for (let column = 0; column < columns; column++, to += 3) {
      const [start, count] = [i32[taps / 4 + 2 * column]!, i32[taps / 4 + 2 * column + 1]!]
      // The fourth is the first of the next pixel, and lies there until that is written.
      for (let channel = 0; channel < 4; channel++) {
        let sum = HALF
        for (let k = 0; k < count; k++)
          sum = (sum + imul(i32[weight + k]!, u8[src + row * rowBytes + start + 3 * k + channel]!)) | 0
        u8[to + channel] = byteOf(sum)
      }
      weight += count
    }
  }
}

export function weighDown(
  { u8, buffer }: Arena,
  src: number,
  rowBytes: number,
  rows: number,
  weights: number,
  length: number,
  dst: number,
): void {
  const i32 = new Int32Array(buffer)
  for (let x = 0; x < Math.ceil(length / 16) * 16; x++) {
    let sum = HALF
    for (let row = 0; row < rows; row++) sum = (sum + imul(i32[weights / 4 + row]!, u8[src + row * rowBytes + x]!)) | 0
    u8[dst + x] = byteOf(sum)
  }
}

function byteOf(sum: number): number {
  const whole = sum >> WEIGHT_BITS
  return whole < 0 ? 0 : whole > 255 ? 255 : whole
}
