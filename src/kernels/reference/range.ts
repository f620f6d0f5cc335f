import type { Arena } from './arena.ts'

export function census(arena: Arena, src: number, count: number, out: number): number {
  const { f32 } = arena
  let min = Infinity
  let max = -Infinity
  let bad = -1
  for (let i = 0; i < count; i++) {
    const x = f32[src / 4 + i]!
    if (bad < 0 && !Number.isFinite(x)) bad = i
    if (x < min) min = x
    if (x > max) max = x
  }
  // + 0 turns -0 into +0, so that the order of the elements does not show.
  f32[out / 4] = min + 0
  f32[out / 4 + 1] = max + 0
  f32[out / 4 + 2] = Math.max(0, max, -min)
  return bad
}

export function foldColumns(
  arena: Arena,
  src: number,
  stride: number,
  rows: number,
  columns: number,
  min: number,
  max: number,
): void {
  const { f32 } = arena
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const x = f32[src / 4 + row * stride + column]!
      if (x < f32[min / 4 + column]!) f32[min / 4 + column] = x
      if (x > f32[max / 4 + column]!) f32[max / 4 + column] = x
    }
  }
}
