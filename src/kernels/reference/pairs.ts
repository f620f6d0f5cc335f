import type { Arena } from './arena.ts'

const { abs, fround } = Math

export function foldPairs(
  arena: Arena,
  src: number,
  stride: number,
  rows: number,
  columns: number,
  last: number,
  most: number,
): void {
  const { f32 } = arena
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const a = f32[last / 4 + column]!
      const b = f32[src / 4 + row * stride + column]!
      const sum = abs(fround(a + b))
      if (a < 0 === b < 0 && sum > f32[most / 4 + column]!) f32[most / 4 + column] = sum
      f32[last / 4 + column] = b
    }
  }
}
