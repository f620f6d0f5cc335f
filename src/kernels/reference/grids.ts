import { FitMode } from '../../model/kernels.ts'
import type { Arena } from './arena.ts'
import type { Grid } from './nearest.ts'
import { nearestGrid } from './nearest.ts'
import { settleScale } from './scale.ts'
import { candidateGrids, candidatePlan, type Measure, measureGrid } from './search.ts'

const { fround } = Math

/** The part of a memory that both engines can show. */
export type Views = Pick<Arena, 'f32' | 'f64' | 'u8'>

/** Used by both engines: a handful of operations per column. */
export function proposeGrids(
  views: Views,
  min: number,
  max: number,
  count: number,
  mode: FitMode,
  maxCode: number,
  halfScales: 0 | 1,
  scales: number,
  zeros: number,
): number {
  const { f32, u8 } = views
  const isSearch = mode === FitMode.SearchSymmetric || mode === FitMode.SearchAsymmetric
  const plan = candidatePlan(maxCode, Infinity)
  let gridCount = 1
  for (let i = 0; i < count; i++) {
    const low = Math.min(0, f32[min / 4 + i]!)
    const high = Math.max(0, f32[max / 4 + i]!)
    const grids = isSearch
      ? candidateGrids(low, high, mode, plan, maxCode, halfScales)
      : [nearestGrid(low, high, mode, maxCode, halfScales)]
    gridCount = grids.length
    for (const [g, grid] of grids.entries()) {
      f32[scales / 4 + g * count + i] = grid.scale
      if (zeros !== 0) u8[zeros + g * count + i] = grid.zero
    }
  }
  return gridCount
}

/** Rows summed in f32 before they are added to the f64 sums. */
const GRID_ROWS = 8192

export function gridColumns(
  arena: Arena,
  src: number,
  stride: number,
  rows: number,
  columns: number,
  scales: number,
  zeros: number,
  gridCount: number,
  maxCode: number,
  errors: number,
  residuals: number,
  energies: number,
): void {
  const { f32, f64, u8 } = arena
  const values = new Float32Array(Math.min(rows, GRID_ROWS))
  const sums: Measure = { error: 0, residual: 0, energy: 0 }
  const grid: Grid = { scale: 0, zero: (maxCode + 1) / 2 }
  for (let top = 0; top < rows; top += GRID_ROWS) {
    const count = Math.min(GRID_ROWS, rows - top)
    for (let column = 0; column < columns; column++) {
      for (let row = 0; row < count; row++) values[row] = f32[src / 4 + (top + row) * stride + column]!
      for (let g = 0; g < gridCount; g++) {
        const at = g * columns + column
        grid.scale = f32[scales / 4 + at]!
        if (zeros !== 0) grid.zero = u8[zeros + at]!
        measureGrid(values, count, 1, grid, maxCode, sums)
        f64[errors / 8 + at] = f64[errors / 8 + at]! + sums.error
        f64[residuals / 8 + at] = f64[residuals / 8 + at]! + sums.residual
        f64[energies / 8 + at] = f64[energies / 8 + at]! + sums.energy
      }
    }
  }
}

/** Used by both engines. Strictly smaller errors win, so the first of equals stays. */
export function chooseGrids(
  views: Views,
  candidateScales: number,
  candidateZeros: number,
  gridCount: number,
  columns: number,
  errors: number,
  residuals: number,
  energies: number,
  refit: 0 | 1,
  halfScales: 0 | 1,
  scales: number,
  scaleStride: number,
  zeros: number,
  zeroStride: number,
): void {
  const { f32, f64, u8 } = views
  for (let column = 0; column < columns; column++) {
    let best = column
    let bestError = Infinity
    for (let g = 0; g < gridCount; g++) {
      const at = g * columns + column
      const energy = f64[energies / 8 + at]!
      const gain = refit === 1 && energy > 0 ? f64[residuals / 8 + at]! ** 2 / energy : 0
      const expected = f64[errors / 8 + at]! - gain
      if (expected < bestError) {
        bestError = expected
        best = at
      }
    }
    const energy = f64[energies / 8 + best]!
    const step = refit === 1 && energy > 0 ? f64[residuals / 8 + best]! / energy : 0
    const scale = f32[candidateScales / 4 + best]!
    f32[scales / 4 + column * scaleStride] = step === 0 ? scale : settleScale(fround(scale + step), halfScales)
    if (zeros !== 0 && candidateZeros !== 0) u8[zeros + column * zeroStride] = u8[candidateZeros + best]!
  }
}
