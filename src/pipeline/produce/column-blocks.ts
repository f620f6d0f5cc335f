import type { Kernels } from '../../model/kernels.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { fitModeOf } from './grid-mode.ts'
import { packZeroRows, scaleBytes } from './scales.ts'
import { arena, checkFinite, energyOf, readFloats, scratchBytes, WINDOW_ELEMENTS } from './tile.ts'
import type { PartTarget, ProduceJob, Unit, UnitIo, UnitResult } from './types.ts'

/**
 * Blocked DequantizeLinear along axis 0 of [K,N]: codes in source order, scales [blocks, N].
 * Units are ranges of blocks, not of channels: `from` and `to` count strips of blockSize rows.
 */
export async function columnBlocksInOrder(
  job: ProduceJob,
  unit: Unit,
  io: UnitIo,
  kernels: Kernels,
): Promise<UnitResult> {
  const spec = job.spec as IntegerSpec
  const { channels: columns, depth } = job.view
  const block = spec.granularity.kind === 'block' ? spec.granularity.size : depth
  const flip = spec.symmetric ? 2 ** (spec.bits - 1) : 0
  const mode = fitModeOf(spec, job.solver)
  const rowBytes = (columns * spec.bits) / 8
  const strips = Math.min(unit.to - unit.from, Math.max(1, Math.floor(WINDOW_ELEMENTS / (block * columns))))
  const count = strips * block * columns
  const [tile = 0, codes = 0, scales = 0, zeros = 0, sums = 0, extra = 0] = arena(kernels, [
    count * 4,
    strips * block * rowBytes,
    strips * columns * 4,
    strips * columns,
    16,
    Math.max(scratchBytes(job, count), strips * columns * 2),
  ])
  const [codeTarget, scaleTarget, zeroTarget] = job.targets as [PartTarget, PartTarget, PartTarget | undefined]
  const scaleSize = spec.scale === 'f16' ? 2 : 4

  let squaredError = 0
  let energy = 0
  for (let strip = unit.from; strip < unit.to; strip += strips) {
    const first = strip * block
    const rows = Math.min(strips * block, depth - first)
    await readFloats(job, io, kernels, first * columns, rows * columns, tile, extra)
    let error = 0
    let done = 0
    for (let row = 0; row < rows; row += block, done++) {
      const stripRows = Math.min(block, rows - row)
      const source = tile + row * columns * 4
      const grid = scales + done * columns * 4
      const zero = zeros + done * columns
      kernels.fitColumns(
        source,
        columns,
        stripRows,
        columns,
        mode,
        2 ** spec.bits - 1,
        spec.scale === 'f16' ? 1 : 0,
        grid,
        1,
        zero,
        1,
      )
      error += kernels.packColumnsInPlace(
        source,
        columns,
        stripRows,
        columns,
        spec.bits,
        flip,
        grid,
        1,
        spec.symmetric ? 0 : zero,
        1,
        codes + row * rowBytes,
        rowBytes,
      )
    }
    checkFinite(job, kernels, error, tile, rows * columns, (i) => first * columns + i)
    squaredError += error
    if (job.measure) energy += energyOf(kernels, tile, rows * columns, sums)
    await io.write(codeTarget, first * rowBytes, new Uint8Array(kernels.memory, codes, rows * rowBytes))
    await io.write(
      scaleTarget,
      strip * columns * scaleSize,
      scaleBytes(kernels, scales, done * columns, spec.scale, extra),
    )
    if (zeroTarget) {
      const raw = new Uint8Array(kernels.memory, zeros, done * columns)
      await io.write(zeroTarget, (strip * columns * spec.bits) / 8, packZeroRows(raw, 1, raw.length, spec.bits))
    }
  }
  return { squaredError, energy }
}
