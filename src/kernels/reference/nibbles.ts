import { FitMode } from '../../model/kernels.ts'
import type { Arena } from './arena.ts'
import { fitColumns } from './fit.ts'
import { packColumns } from './pack.ts'

export function packNibbleColumns(
  arena: Arena,
  src: number,
  stride: number,
  rows: number,
  columns: number,
  mode: FitMode,
  flip: number,
  halfScales: 0 | 1,
  scales: number,
  scaleStride: number,
  dst: number,
  dstStride: number,
): number {
  for (let row = 0; row < rows; row++) {
    const from = src / 4 + row * stride
    for (let i = from; i < from + columns; i++) if (!Number.isFinite(arena.f32[i])) return 0
  }
  if (mode !== FitMode.SearchSymmetric) {
    fitColumns(arena, src, stride, rows, columns, mode, 15, halfScales, scales, scaleStride, 0, 0)
  }
  packColumns(arena, src, stride, rows, columns, rows, 4, flip, scales, scaleStride, 0, 0, dst, dstStride)
  return 1
}

export function interleave(
  { u8 }: Arena,
  src: number,
  count: number,
  runs: number,
  size: number,
  dst: number,
  dstStride: number,
): void {
  for (let i = 0; i < count; i++) {
    for (let run = 0; run < runs; run++) {
      const from = src + (run * count + i) * size
      u8.copyWithin(dst + i * dstStride + run * size, from, from + size)
    }
  }
}
