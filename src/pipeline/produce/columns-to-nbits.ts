import type { Kernels } from '../../model/kernels.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { fitModeOf } from './grid-mode.ts'
import { packZeroRows, scaleBytes } from './scales.ts'
import { arena, checkFinite, energyOf, PANEL_BYTES, readTile, scratchBytes, WINDOW_ELEMENTS } from './tile.ts'
import type { PartTarget, ProduceJob, Unit, UnitIo, UnitResult } from './types.ts'

/**
 * Strips that are packed side by side before they go to their places: a channel's codes of a strip are a part of a cache line, and
 * lines written part by part would travel once for each.
 */
const STAGED_STRIPS = 4

/** Longest block that the kernel without error sums takes. */
const NIBBLE_ROWS = 8192

/**
 * Channels of a unit: equal panels of multiples of 16, so few that packed codes stay under PANEL_BYTES. A narrow last panel
 * would be read in runs of a few KiB, each a system call.
 */
export function nbitsPanel(job: ProduceJob): number {
  const { spec, blocks, blockBytes } = shape(job)
  const perChannel = blocks * (blockBytes + 4 + (spec.symmetric ? 0 : 1))
  const panels = Math.ceil((job.view.channels * perChannel) / PANEL_BYTES)
  return Math.max(16, Math.ceil(job.view.channels / panels / 16) * 16)
}

function shape(job: ProduceJob) {
  const spec = job.spec as IntegerSpec
  const block = spec.granularity.kind === 'block' ? spec.granularity.size : job.view.depth
  const blocks = Math.ceil(job.view.depth / block)
  return { spec, block, blocks, blockBytes: (block * spec.bits) / 8 }
}

/**
 * [K,N] floats to MatMulNBits codes [N, blocks, blockSize * bits / 8], one panel of columns at a time:
 * strips of blockSize rows are read in order, fitted and packed transposed into the panel, which is then written in one piece.
 */
export async function columnsToNbits(job: ProduceJob, unit: Unit, io: UnitIo, kernels: Kernels): Promise<UnitResult> {
  const { spec, block, blocks, blockBytes } = shape(job)
  const { channels, depth } = job.view
  const columns = unit.to - unit.from
  const mode = fitModeOf(spec, job.solver)
  const maxCode = 2 ** spec.bits - 1
  const half = spec.scale === 'f16' ? 1 : 0
  const stripsPerRead = Math.max(1, Math.floor(WINDOW_ELEMENTS / (columns * block)))
  const windowRows = Math.min(blocks, stripsPerRead) * block
  const count = windowRows * columns
  const channelBytes = blocks * blockBytes
  const grids = columns * blocks
  const stage = columns * STAGED_STRIPS
  const [tile = 0, codes = 0, scales = 0, zeros = 0, sums = 0, codeStage = 0, scaleStage = 0, extra = 0] = arena(
    kernels,
    [
      count * 4,
      columns * channelBytes,
      grids * 4,
      grids,
      16,
      stage * blockBytes,
      stage * 4,
      Math.max(scratchBytes(job, count), grids * 2),
    ],
  )

  const [codeTarget, scaleTarget, zeroTarget] = job.targets as [PartTarget, PartTarget, PartTarget | undefined]
  // Error sums are only asked for with the energy that they are a part of.
  const fast =
    !job.measure &&
    spec.bits === 4 &&
    spec.symmetric &&
    !zeroTarget &&
    block % 32 === 0 &&
    block <= NIBBLE_ROWS &&
    columns % 16 === 0
  let staged = 0
  const spread = (end: number): void => {
    const first = end - staged
    kernels.interleave(codeStage, columns, staged, blockBytes, codes + first * blockBytes, channelBytes)
    kernels.interleave(scaleStage, columns, staged, 4, scales + first * 4, blocks * 4)
    staged = 0
  }
  let squaredError = 0
  let energy = 0
  for (let row = 0; row < depth; row += windowRows) {
    const rows = Math.min(windowRows, depth - row)
    await readTile(job, io, kernels, 0, channels, row, rows, unit.from, columns, tile, extra)
    let windowError = 0
    for (let strip = 0; strip < rows; strip += block) {
      const stripRows = Math.min(block, rows - strip)
      const source = tile + strip * columns * 4
      const index = (row + strip) / block
      const zero = zeroTarget ? zeros + index : 0
      const grid = scales + index * 4
      const packed = codes + index * blockBytes
      const staging = fast && stripRows === block
      if (job.solver !== 'nearest') {
        const [at, step] = staging ? [scaleStage + staged * columns * 4, 1] : [grid, blocks]
        kernels.fitColumns(source, columns, stripRows, columns, mode, maxCode, half, at, step, zero, blocks)
      }
      if (staging) {
        const finite = kernels.packNibbleColumns(
          source,
          columns,
          block,
          columns,
          mode,
          0,
          half,
          scaleStage + staged * columns * 4,
          1,
          codeStage + staged * columns * blockBytes,
          blockBytes,
        )
        if (finite === 0) windowError = Number.NaN
        if (++staged === STAGED_STRIPS) spread(index + 1)
      } else if (job.solver === 'nearest') {
        windowError += kernels.nearestPackColumns(
          source,
          columns,
          stripRows,
          columns,
          block,
          mode,
          spec.bits,
          0,
          half,
          grid,
          blocks,
          zero,
          blocks,
          packed,
          channelBytes,
        )
      } else {
        windowError += kernels.packColumns(
          source,
          columns,
          stripRows,
          columns,
          block,
          spec.bits,
          0,
          grid,
          blocks,
          zero,
          blocks,
          packed,
          channelBytes,
        )
      }
    }
    checkFinite(
      job,
      kernels,
      windowError,
      tile,
      rows * columns,
      (i) => (row + Math.floor(i / columns)) * channels + unit.from + (i % columns),
    )
    squaredError += windowError
    if (job.measure) energy += energyOf(kernels, tile, rows * columns, sums)
  }
  if (staged > 0) spread(Math.floor(depth / block))

  await io.write(codeTarget, unit.from * channelBytes, new Uint8Array(kernels.memory, codes, columns * channelBytes))
  const scaleSize = spec.scale === 'f16' ? 2 : 4
  await io.write(scaleTarget, unit.from * blocks * scaleSize, scaleBytes(kernels, scales, grids, spec.scale, extra))
  if (zeroTarget) {
    const packed = packZeroRows(new Uint8Array(kernels.memory, zeros, grids), columns, blocks, spec.bits)
    await io.write(zeroTarget, unit.from * Math.ceil((blocks * spec.bits) / 8), packed)
  }
  return { squaredError, energy }
}
