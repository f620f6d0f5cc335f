import type { Arena } from './arena.ts'
import { inverseOf, roundEven } from './scale.ts'

const { fround } = Math

export function encodePlainColumns(
  arena: Arena,
  src: number,
  stride: number,
  rows: number,
  columns: number,
  flip: number,
  scales: number,
  dst: number,
  dstStride: number,
): number {
  const { f32, u8 } = arena
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const x = f32[src / 4 + row * stride + column]!
      const code = roundEven(fround(x * inverseOf(f32[scales / 4 + column]!))) + 128
      if (!(code >= 0 && code < 256)) return 0
      u8[dst + row * dstStride + column] = code ^ flip
    }
  }
  return 1
}
