import type { Arena } from './arena.ts'

const { fround } = Math

export function histogram(
  arena: Arena,
  src: number,
  count: number,
  width: number,
  bins: number,
  binCount: number,
): void {
  const { f32, u32 } = arena
  const step = fround(width)
  for (let i = 0; i < count; i++) {
    const position = fround(Math.abs(f32[src / 4 + i]!) / step)
    // A NaN fails both comparisons.
    const bin = position >= binCount - 1 ? binCount - 1 : position > 0 ? Math.trunc(position) : 0
    u32[bins / 4 + bin] = u32[bins / 4 + bin]! + 1
  }
}
