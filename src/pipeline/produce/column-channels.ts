import type { Kernels } from '../../model/kernels.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { fitModeOf } from './grid-mode.ts'
import { scaleBytes } from './scales.ts'
import { arena, CALL_ELEMENTS, checkFinite, energyOf, readTile, scratchBytes, WINDOW_ELEMENTS } from './tile.ts'
import type { PartTarget, ProduceJob, Unit, UnitIo, UnitResult } from './types.ts'

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
  const count = Math.max(windowRows * columns, job.solver === 'search' ? fitColumns * depth : 0)
  const [tile = 0, codes = 0, extremes = 0, scales = 0, zeros = 0, sums = 0, extra = 0] = arena(kernels, [
    count * 4,
    windowRows * columns,
    columns * 8,
    columns * 4,
    columns,
    16,
    Math.max(scratchBytes(job, count), columns * 2),
  ])
  const mode = fitModeOf(spec, job.solver)
  const half = spec.scale === 'f16' ? 1 : 0
  const fit = (source: number, rows: number, stride: number, width: number, first: number, as = mode): void =>
    kernels.fitColumns(source, stride, rows, width, as, 255, half, scales + first * 4, 1, zeros + first, 1)

  if (job.solver === 'search') {
    // Whole columns side by side: the search needs every value of a column for every candidate.
    for (let first = 0; first < columns; first += fitColumns) {
      const width = Math.min(fitColumns, columns - first)
      await readTile(job, io, kernels, 0, channels, 0, depth, unit.from + first, width, tile, extra)
      fit(tile, depth, width, width, first)
    }
  } else {
    new Float32Array(kernels.memory, extremes, columns).fill(Number.POSITIVE_INFINITY)
    new Float32Array(kernels.memory, extremes + columns * 4, columns).fill(Number.NEGATIVE_INFINITY)
    for (let row = 0; row < depth; row += windowRows) {
      const rows = Math.min(windowRows, depth - row)
      await readTile(job, io, kernels, 0, channels, row, rows, unit.from, columns, tile, extra)
      kernels.foldColumns(tile, columns, rows, columns, extremes, extremes + columns * 4)
    }
    // The extremes of a column as a tile of two rows have the same grid as the column.
    fit(extremes, 2, columns, columns, 0, fitModeOf(spec, 'nearest'))
  }

  const flip = job.packing === 'onnx/elements' && spec.symmetric ? 128 : 0
  const [codeTarget, scaleTarget, zeroTarget] = job.targets as [PartTarget, PartTarget, PartTarget | undefined]
  let squaredError = 0
  let energy = 0
  for (let row = 0; row < depth; row += windowRows) {
    const rows = Math.min(windowRows, depth - row)
    await readTile(job, io, kernels, 0, channels, row, rows, unit.from, columns, tile, extra)
    const error = kernels.encodeColumns(
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
