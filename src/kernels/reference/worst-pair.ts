import type { Arena } from './arena.ts'

export function worstPairRows(arena: Arena, codes: number, stride: number, rows: number, columns: number): number {
  return worstPair(arena, codes, rows, stride, columns, 1)
}

export function worstPairColumns(arena: Arena, codes: number, stride: number, rows: number, columns: number): number {
  return worstPair(arena, codes, columns, 1, rows, stride)
}

/** Over `runs` runs of `count` codes that lie `step` bytes apart. */
function worstPair(arena: Arena, codes: number, runs: number, runStride: number, count: number, step: number): number {
  const { u8 } = arena
  let worst = 0
  for (let run = 0; run < runs; run++) {
    const start = codes + run * runStride
    for (let i = 1; i < count; i++) {
      const first = u8[start + (i - 1) * step]! - 128
      const second = u8[start + i * step]! - 128
      if (first < 0 === second < 0) worst = Math.max(worst, Math.abs(first + second))
    }
  }
  return worst
}
