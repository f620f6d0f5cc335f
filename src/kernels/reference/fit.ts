import { TersorError } from '../../errors.ts'
import { FitMode } from '../../model/kernels.ts'
import type { Arena } from './arena.ts'
import { type Grid, nearestGrid } from './nearest.ts'
import { candidatePlan, searchGrid } from './search.ts'

/** Longest run that is searched with one partial sum; longer ones use four. WASM puts blocks up to this side by side in its lanes. */
const LONGEST_SINGLE_SUM = 1024

interface Ask {
  readonly mode: FitMode
  readonly maxCode: number
  readonly halfScales: 0 | 1
  /** Nominal length of the runs: the last block of a row may be shorter. */
  readonly length: number
  readonly lanes: 1 | 4
}

/** Finds the grid of `count` values that lie `step` elements apart. */
function fitRun(arena: Arena, start: number, count: number, step: number, ask: Ask): Grid {
  const { f32 } = arena
  const { mode, maxCode, halfScales } = ask
  if (mode === FitMode.SearchSymmetric || mode === FitMode.SearchAsymmetric) {
    const values = new Float32Array(count)
    for (let i = 0; i < count; i++) values[i] = f32[start + i * step]!
    return searchGrid(values, count, ask.lanes, mode, candidatePlan(maxCode, ask.length), maxCode, halfScales)
  }
  let min = 0
  let max = 0
  for (let i = 0; i < count; i++) {
    const x = f32[start + i * step]!
    if (x < min) min = x
    if (x > max) max = x
  }
  return nearestGrid(min, max, mode, maxCode, halfScales)
}

export function fitRows(
  arena: Arena,
  src: number,
  stride: number,
  rows: number,
  columns: number,
  block: number,
  mode: FitMode,
  maxCode: number,
  halfScales: 0 | 1,
  scales: number,
  zeros: number,
): void {
  const ask: Ask = { mode, maxCode, halfScales, length: block, lanes: block > LONGEST_SINGLE_SUM ? 4 : 1 }
  let index = 0
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += block, index++) {
      const count = Math.min(block, columns - column)
      const grid = fitRun(arena, src / 4 + row * stride + column, count, 1, ask)
      arena.f32[scales / 4 + index] = grid.scale
      if (zeros !== 0) arena.u8[zeros + index] = grid.zero
    }
  }
}

/** Sixteen columns of this many rows fill the scratch area of the WASM kernels. */
const LONGEST_SEARCHED_COLUMN = 8192

/** Used by both engines. */
export function refuseLongSearch(rows: number, mode: FitMode): void {
  const isSearch = mode === FitMode.SearchSymmetric || mode === FitMode.SearchAsymmetric
  if (!isSearch || rows <= LONGEST_SEARCHED_COLUMN) return
  throw new TersorError(
    'E_INTERNAL',
    `fitColumns searches at most ${LONGEST_SEARCHED_COLUMN} rows, ${rows} were given`,
    {
      hint: 'stream longer columns through proposeGrids and gridColumns',
    },
  )
}

export function fitColumns(
  arena: Arena,
  src: number,
  stride: number,
  rows: number,
  columns: number,
  mode: FitMode,
  maxCode: number,
  halfScales: 0 | 1,
  scales: number,
  scaleStride: number,
  zeros: number,
  zeroStride: number,
): void {
  refuseLongSearch(rows, mode)
  const ask: Ask = { mode, maxCode, halfScales, length: rows, lanes: 1 }
  for (let column = 0; column < columns; column++) {
    const grid = fitRun(arena, src / 4 + column, rows, stride, ask)
    arena.f32[scales / 4 + column * scaleStride] = grid.scale
    if (zeros !== 0) arena.u8[zeros + column * zeroStride] = grid.zero
  }
}
