import type { Kernels } from '../../model/kernels.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { isSampled, SAMPLED_ROWS, sampledRow } from '../../numbers/sampled-rows.ts'
import { PairFold, raiseScales } from '../../solvers/index.ts'
import { fitModeOf } from './grid-mode.ts'
import { scaleBytes } from './scales.ts'
import {
  arena,
  CALL_ELEMENTS,
  checkFinite,
  energyOf,
  readTile,
  SIGNED_FACTOR,
  scratchBytes,
  WINDOW_ELEMENTS,
} from './tile.ts'
import type { PartTarget, ProduceJob, Unit, UnitIo, UnitResult } from './types.ts'

/** Most columns that the kernel without error sums takes. */
const MOST_PLAIN = 131_072

/** Columns of a unit: at least 4096, so that rows are read and written in runs of several KiB. */
export function channelPanel(job: ProduceJob): number {
  return Math.max(4096, Math.ceil((16 << 20) / Math.max(1, job.view.depth)))
}

function pairsOf(kernels: Kernels, tile: number, rows: number, columns: number): Float32Array {
  const fold = new PairFold(columns)
  fold.add(new Float32Array(kernels.memory, tile, rows * columns))
  return fold.most
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
  const count = Math.max(windowRows * columns, search && !sampled ? fitColumns * depth : 0)
  const [tile = 0, codes = 0, sample = 0, scales = 0, zeros = 0, sums = 0, extra = 0] = arena(kernels, [
    count * 4,
    windowRows * columns,
    (sampled ? SAMPLED_ROWS + 2 : 2) * columns * 4,
    columns * 4,
    columns,
    16,
    Math.max(scratchBytes(job, count), columns * 2),
  ])
  const mode = fitModeOf(spec, job.solver)
  const half = spec.scale === 'f16' ? 1 : 0
  const fit = (source: number, rows: number, stride: number, width: number, first: number, as = mode): void =>
    kernels.fitColumns(source, stride, rows, width, as, 255, half, scales + first * 4, 1, zeros + first, 1)

  const safe = job.packing === SIGNED_FACTOR
  const raise = (first: number, width: number, most: Float32Array): void =>
    raiseScales(new Float32Array(kernels.memory, scales + first * 4, width), most)

  if (search && !sampled) {
    // Whole columns side by side: the search needs every value of a column for every candidate.
    for (let first = 0; first < columns; first += fitColumns) {
      const width = Math.min(fitColumns, columns - first)
      await readTile(job, io, kernels, 0, channels, 0, depth, unit.from + first, width, tile, extra)
      fit(tile, depth, width, width, first)
      if (safe) raise(first, width, pairsOf(kernels, tile, depth, width))
    }
  } else {
    // One pass in order: the extremes of every column, and the rows of the sample as they come by, in front of them.
    const least = sample + (sampled ? SAMPLED_ROWS : 0) * columns * 4
    const largest = least + columns * 4
    new Float32Array(kernels.memory, least, columns).fill(Number.POSITIVE_INFINITY)
    new Float32Array(kernels.memory, largest, columns).fill(Number.NEGATIVE_INFINITY)
    const pairs = safe ? new PairFold(columns) : undefined
    let next = 0
    for (let row = 0; row < depth; row += windowRows) {
      const rows = Math.min(windowRows, depth - row)
      await readTile(job, io, kernels, 0, channels, row, rows, unit.from, columns, tile, extra)
      kernels.foldColumns(tile, columns, rows, columns, least, largest)
      pairs?.add(new Float32Array(kernels.memory, tile, rows * columns))
      for (; sampled && next < SAMPLED_ROWS && sampledRow(next, depth) < row + rows; next++) {
        const from = tile + (sampledRow(next, depth) - row) * columns * 4
        new Uint8Array(kernels.memory).copyWithin(sample + next * columns * 4, from, from + columns * 4)
      }
    }
    if (sampled) {
      const width = Math.floor(CALL_ELEMENTS / (SAMPLED_ROWS + 2))
      for (let first = 0; first < columns; first += width) {
        fit(sample + first * 4, SAMPLED_ROWS + 2, columns, Math.min(width, columns - first), first)
      }
    } else {
      // The extremes of a column as a tile of two rows have the same grid as the column.
      fit(least, 2, columns, columns, 0, fitModeOf(spec, 'nearest'))
    }
    if (pairs) raise(0, columns, pairs.most)
  }

  const flip = safe || (job.packing === 'onnx/elements' && spec.symmetric) ? 128 : 0
  const [codeTarget, scaleTarget, zeroTarget] = job.targets as [PartTarget, PartTarget, PartTarget | undefined]
  // Error sums are only asked for with the energy that they are a part of.
  const fast = !job.measure && spec.symmetric && columns % 16 === 0 && columns <= MOST_PLAIN
  let squaredError = 0
  let energy = 0
  for (let row = 0; row < depth; row += windowRows) {
    const rows = Math.min(windowRows, depth - row)
    await readTile(job, io, kernels, 0, channels, row, rows, unit.from, columns, tile, extra)
    const plain = fast && kernels.encodePlainColumns(tile, columns, rows, columns, flip, scales, codes, columns) === 1
    const error = plain
      ? 0
      : kernels.encodeColumns(
          tile,
          columns,
          rows,
          columns,
          8,
          flip,
          scales,
          1,
          spec.symmetric ? 0 : zeros,
          1,
          codes,
          columns,
        )
    checkFinite(
      job,
      kernels,
      error,
      tile,
      rows * columns,
      (i) => (row + Math.floor(i / columns)) * channels + unit.from + (i % columns),
    )
    squaredError += error
    if (job.measure) energy += energyOf(kernels, tile, rows * columns, sums)
    if (columns === channels)
      await io.write(codeTarget, row * channels, new Uint8Array(kernels.memory, codes, rows * columns))
    else {
      for (let r = 0; r < rows; r++) {
        await io.write(
          codeTarget,
          (row + r) * channels + unit.from,
          new Uint8Array(kernels.memory, codes + r * columns, columns),
        )
      }
    }
  }
  const scaleSize = spec.scale === 'f16' ? 2 : 4
  await io.write(scaleTarget, unit.from * scaleSize, scaleBytes(kernels, scales, columns, spec.scale, extra))
  if (zeroTarget) {
    const raw = new Uint8Array(kernels.memory, zeros, columns)
    if (spec.symmetric) raw.fill(128)
    await io.write(zeroTarget, unit.from, raw)
  }
  return { squaredError, energy }
}
