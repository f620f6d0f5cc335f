import { roundHalfEven } from '../../numbers/rounding.ts'
import type { Arena } from './arena.ts'

const { fround } = Math

export function crossRows(
  { f32 }: Arena,
  a: number,
  aStride: number,
  b: number,
  bStride: number,
  rows: number,
  aColumns: number,
  bColumns: number,
  out: number,
  outStride: number,
): void {
  for (let i = 0; i < aColumns; i++) {
    for (let j = 0; j < bColumns; j++) {
      let sum = 0
      for (let row = 0; row < rows; row++) {
        sum = fround(sum + fround(f32[a / 4 + row * aStride + i]! * f32[b / 4 + row * bStride + j]!))
      }
      const at = out / 4 + i * outStride + j
      f32[at] = f32[at]! + sum
    }
  }
}

/** What a code's move changes in the pulls of its row. */
function takeBack(f32: Float32Array, pull: number, gram: number, width: number, change: number): void {
  for (let i = 0; i < width; i++) {
    const at = pull / 4 + i
    f32[at] = f32[at]! - fround(f32[gram / 4 + i]! * change)
  }
}

export function descendRow(
  { f32, u32, u8 }: Arena,
  gram: number,
  stride: number,
  width: number,
  pull: number,
  codes: number,
  scale: number,
  most: number,
  beside: number,
  pairLimit: number,
): number {
  const codeAt = (index: number): number => (u8[codes + index]! << 24) >> 24
  const step = fround(scale)
  let moved = 0
  for (let j = 0; j < width; j++) {
    const own = fround(f32[gram / 4 + j * stride + j]! * step)
    if (!(own > 0)) continue
    const wanted = fround(f32[pull / 4 + j]! / own)
    if (!(Math.abs(wanted) > 0.5)) continue
    let high = most
    let low = -most
    for (const side of beside === 0 ? [] : [0, 1]) {
      const neighbour = u32[beside / 4 + 2 * j + side]! | 0
      if (neighbour < 0) continue
      const code = codeAt(neighbour)
      if (code > 0) high = Math.min(high, pairLimit - code)
      if (code < 0) low = Math.max(low, -pairLimit - code)
    }
    const code = codeAt(j)
    const next = Math.max(low, Math.min(high, code + roundHalfEven(Math.max(-256, Math.min(256, wanted)))))
    if (next === code) continue
    u8[codes + j] = next
    moved++
    takeBack(f32, pull, gram + j * stride * 4, width, fround((next - code) * step))
  }
  return moved
}

export function descendBlocks(
  { f32, u8 }: Arena,
  gram: number,
  stride: number,
  width: number,
  from: number,
  to: number,
  pull: number,
  codes: number,
  scales: number,
  block: number,
  maxCode: number,
): number {
  let moved = 0
  for (let j = from; j < to; j++) {
    const scale = f32[scales / 4 + Math.floor(j / block)]!
    const own = fround(f32[gram / 4 + j * stride + j]! * scale)
    if (!(Math.abs(own) > 0)) continue
    const wanted = fround(f32[pull / 4 + j]! / own)
    if (!(Math.abs(wanted) > 0.5)) continue
    const code = u8[codes + j]!
    const next = Math.max(0, Math.min(maxCode, code + roundHalfEven(Math.max(-256, Math.min(256, wanted)))))
    if (next === code) continue
    u8[codes + j] = next
    moved++
    takeBack(f32, pull, gram + j * stride * 4, width, fround((next - code) * scale))
  }
  return moved
}

export function descendLevels(
  { f32, u8 }: Arena,
  gram: number,
  stride: number,
  width: number,
  from: number,
  to: number,
  pull: number,
  positions: number,
  scales: number,
  block: number,
  offset: number,
  levels: number,
  last: number,
): number {
  const levelAt = (index: number): number => f32[levels / 4 + index]!
  const middle = (index: number): number => fround(fround(levelAt(index) + levelAt(index + 1)) * 0.5)
  let moved = 0
  for (let j = from; j < to; j++) {
    const scale = f32[scales / 4 + Math.floor((offset + j) / block)]!
    const own = fround(f32[gram / 4 + j * stride + j]! * scale)
    if (!(Math.abs(own) > 0)) continue
    const position = u8[positions + j]!
    const level = levelAt(position)
    const aim = fround(level + fround(f32[pull / 4 + j]! / own))
    let next = position
    while (next < last && aim > middle(next)) next++
    while (next > 0 && aim < middle(next - 1)) next--
    const change = fround(levelAt(next) - level)
    if (!(Math.abs(change) > 0)) continue
    u8[positions + j] = next
    moved++
    takeBack(f32, pull, gram + j * stride * 4, width, fround(change * scale))
  }
  return moved
}

export function subtractDots(
  { f64 }: Arena,
  a: number,
  aStride: number,
  b: number,
  bStride: number,
  count: number,
  aRows: number,
  bRows: number,
  out: number,
  outStride: number,
): void {
  for (let i = 0; i < aRows; i++) {
    for (let j = 0; j < bRows; j++) {
      let even = 0
      let odd = 0
      for (let k = 0; k < count; k += 2) {
        even += f64[a / 8 + i * aStride + k]! * f64[b / 8 + j * bStride + k]!
        odd += f64[a / 8 + i * aStride + k + 1]! * f64[b / 8 + j * bStride + k + 1]!
      }
      const at = out / 8 + i * outStride + j
      f64[at] = f64[at]! - (even + odd)
    }
  }
}
