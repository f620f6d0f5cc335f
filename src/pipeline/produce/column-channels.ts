import type { Kernels } from '../../model/kernels.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { isSampled, SAMPLED_ROWS, sampledRow } from '../../numbers/sampled-rows.ts'
import { raiseScales } from '../../solvers/index.ts'
import { type ColumnWindows, encodeChannels } from './column-codes.ts'
import { fitModeOf } from './grid-mode.ts'
import { scaleBytes } from './scales.ts'
import { arena, CALL_ELEMENTS, readTile, SIGNED_FACTOR, scratchBytes, WINDOW_ELEMENTS } from './tile.ts'
import type { PartTarget, ProduceJob, Unit, UnitIo, UnitResult } from './types.ts'

/** Codes that are written at once where a unit has all columns: the system keeps long writes in larger pages. */
const CODE_BYTES = 1 << 20

/** Floats that are read last in the first pass and first in the second, out of the processor's cache. */
const RECENT_ELEMENTS = 1 << 20

/** Columns of a unit: at least 4096, so that rows are read and written in runs of several KiB. */
export function channelPanel(job: ProduceJob): number {
  return Math.max(4096, Math.ceil((16 << 20) / Math.max(1, job.view.depth)))
}

/**
 * [K,N] floats to 8-bit codes in the same order with one grid a column: MatMulInteger's [K,N], or DequantizeLinear and
 * expanded storage per axis 1. First pass: grids; second pass: codes, in order.
 */
export async function columnsToChannels(
  job: ProduceJob,
  unit: Unit,
  io: UnitIo,
  kernels: Kernels,
): Promise<UnitResult> {
  const spec = job.spec as IntegerSpec
  const { channels, depth } = job.view
  const columns = unit.to - unit.from
  const windowRows = Math.max(1, Math.min(depth, Math.floor(WINDOW_ELEMENTS / columns)))
  const fitColumns = Math.max(1, Math.min(columns, Math.floor(CALL_ELEMENTS / depth)))
  const search = job.solver === 'search'
  const sampled = search && isSampled(8, depth)
  const isWhole = search && !sampled
  const count = Math.max(windowRows * columns, isWhole ? fitColumns * depth : 0)
  const safe = job.packing === SIGNED_FACTOR
  const codeWindows = columns === channels ? Math.max(1, Math.floor(CODE_BYTES / (windowRows * columns))) : 1
  const codeRows = Math.min(depth, codeWindows * windowRows)
  const [tile = 0, codes = 0, sample = 0, pairs = 0, scales = 0, zeros = 0, sums = 0, extra = 0] = arena(kernels, [
    count * 4,
    codeRows * columns,
    (sampled ? SAMPLED_ROWS + 2 : 2) * columns * 4,
    safe ? columns * 8 : 0,
    columns * 4,
    columns,
    16,
    Math.max(scratchBytes(job, count), columns * 2),
  ])
  const windows: ColumnWindows = {
    tile,
    rows: windowRows,
    read: (row, rows) => readTile(job, io, kernels, 0, channels, row, rows, unit.from, columns, tile, extra),
  }
  const mode = fitModeOf(spec, job.solver)
  const half = spec.scale === 'f16' ? 1 : 0
  const fit = (source: number, rows: number, stride: number, width: number, first: number, as = mode): void =>
    kernels.fitColumns(source, stride, rows, width, as, 255, half, scales + first * 4, 1, zeros + first, 1)

  const last = pairs
  const most = pairs + columns * 4
  if (safe) {
    new Float32Array(kernels.memory, last, columns).fill(Number.NaN)
    new Float32Array(kernels.memory, most, columns).fill(0)
  }

  if (isWhole) {
    // Whole columns side by side: the search needs every value of a column for every candidate.
    for (let first = 0; first < columns; first += fitColumns) {
      const width = Math.min(fitColumns, columns - first)
      await readTile(job, io, kernels, 0, channels, 0, depth, unit.from + first, width, tile, extra)
      fit(tile, depth, width, width, first)
      if (safe) kernels.foldPairs(tile, width, depth, width, last + first * 4, most + first * 4)
    }
  } else {
    // The extremes of every column, and the rows of the sample in front of them.
    const least = sample + (sampled ? SAMPLED_ROWS : 0) * columns * 4
    new Float32Array(kernels.memory, least, columns).fill(Number.POSITIVE_INFINITY)
    new Float32Array(kernels.memory, least + columns * 4, columns).fill(Number.NEGATIVE_INFINITY)
    await foldWindows(windows, depth, columns, kernels, least, sampled ? sample : 0, safe ? last : 0)
    if (sampled) {
      const width = Math.floor(CALL_ELEMENTS / (SAMPLED_ROWS + 2))
      for (let first = 0; first < columns; first += width) {
        fit(sample + first * 4, SAMPLED_ROWS + 2, columns, Math.min(width, columns - first), first)
      }
    } else {
      // The extremes of a column as a tile of two rows have the same grid as the column.
      fit(least, 2, columns, columns, 0, fitModeOf(spec, 'nearest'))
    }
  }
  if (safe)
    raiseScales(new Float32Array(kernels.memory, scales, columns), new Float32Array(kernels.memory, most, columns))

  const found = await encodeChannels(job, unit, io, kernels, windows, { scales, zeros, codes, codeRows, sums })
  const [, scaleTarget, zeroTarget] = job.targets as [PartTarget, PartTarget, PartTarget | undefined]
  const scaleSize = spec.scale === 'f16' ? 2 : 4
  await io.write(scaleTarget, unit.from * scaleSize, scaleBytes(kernels, scales, columns, spec.scale, extra))
  if (zeroTarget) {
    const raw = new Uint8Array(kernels.memory, zeros, columns)
    if (spec.symmetric) raw.fill(128)
    await io.write(zeroTarget, unit.from, raw)
  }
  return found
}

/**
 * Reads every window once: extremes of columns to `least` and the row behind it; where these are not 0, rows of the sample to `sample` and
 * the largest pairs to the two rows at `pairs`. The first rows come last, so that they are still in the cache when codes are
 * made; pairs are met in order.
 */
async function foldWindows(
  { tile, rows: windowRows, read }: ColumnWindows,
  depth: number,
  columns: number,
  kernels: Kernels,
  least: number,
  sample: number,
  pairs: number,
): Promise<void> {
  const recent = pairs !== 0 ? 0 : Math.min(depth, Math.floor(RECENT_ELEMENTS / (windowRows * columns)) * windowRows)
  const parts = [
    [recent, depth],
    [0, recent],
  ]
  for (const [first = 0, end = 0] of parts) {
    for (let row = first; row < end; row += windowRows) {
      const rows = Math.min(windowRows, end - row)
      const wait = read(row, rows)
      if (wait) await wait
      kernels.foldColumns(tile, columns, rows, columns, least, least + columns * 4)
      if (pairs !== 0) kernels.foldPairs(tile, columns, rows, columns, pairs, pairs + columns * 4)
      if (sample !== 0) copySample(kernels, tile, row, rows, columns, depth, sample)
    }
  }
}

/** Rows of the sample that lie in a window, to their places. */
function copySample(
  kernels: Kernels,
  at: number,
  row: number,
  rows: number,
  columns: number,
  depth: number,
  sample: number,
): void {
  // The first one may be one less: rows of the sample are that far apart on the average.
  let next = Math.max(0, Math.floor((row * SAMPLED_ROWS) / depth) - 1)
  while (next < SAMPLED_ROWS && sampledRow(next, depth) < row) next++
  for (; next < SAMPLED_ROWS && sampledRow(next, depth) < row + rows; next++) {
    const from = at + (sampledRow(next, depth) - row) * columns * 4
    new Uint8Array(kernels.memory).copyWithin(sample + next * columns * 4, from, from + columns * 4)
  }
}
