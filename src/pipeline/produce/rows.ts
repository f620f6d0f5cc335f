import type { Kernels } from '../../model/kernels.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { fitModeOf } from './grid-mode.ts'
import { packZeroRows, scaleBytes } from './scales.ts'
import { arena, checkFinite, energyOf, readFloats, scratchBytes, WINDOW_ELEMENTS } from './tile.ts'
import type { PartTarget, ProduceJob, Unit, UnitIo, UnitResult } from './types.ts'

/**
 * Row views: every row is a run of the file, its blocks too, and the packed rows follow each other. Serves
 * MatMulNBits from [N,K], GatherBlockQuantized, and element order with one scale a row (Conv, Gather, LSTM rows).
 */
export async function rowsInOrder(job: ProduceJob, unit: Unit, io: UnitIo, kernels: Kernels): Promise<UnitResult> {
  const spec = job.spec as IntegerSpec
  const { depth } = job.view
  const block = spec.granularity.kind === 'block' ? spec.granularity.size : depth
  const blocks = Math.ceil(depth / block)
  const inElements = job.packing === 'onnx/elements'
  const rowBytes = inElements ? (depth * spec.bits) / 8 : (blocks * block * spec.bits) / 8
  const flip = inElements && spec.symmetric ? 2 ** (spec.bits - 1) : 0
  const mode = fitModeOf(spec, job.solver)
  const tileRows = Math.min(unit.to - unit.from, Math.max(1, Math.floor(WINDOW_ELEMENTS / depth)))
  const count = tileRows * depth
  const grids = tileRows * blocks
  const [tile = 0, codes = 0, scales = 0, zeros = 0, sums = 0, extra = 0] = arena(kernels, [
    count * 4,
    tileRows * rowBytes,
    grids * 4,
    grids,
    16,
    Math.max(scratchBytes(job, count), grids * 2),
  ])
  const [codeTarget, scaleTarget, zeroTarget] = job.targets as [PartTarget, PartTarget, PartTarget | undefined]
  const scaleSize = spec.scale === 'f16' ? 2 : 4
  const zeroRowBytes = inElements ? blocks : Math.ceil((blocks * spec.bits) / 8)

  const half = spec.scale === 'f16' ? 1 : 0
  const searchPackRows = (rows: number): number => {
    kernels.fitRows(tile, depth, rows, depth, block, mode, 2 ** spec.bits - 1, half, scales, zeros)
    return kernels.packRows(
      tile,
      depth,
      rows,
      depth,
      block,
      spec.bits,
      flip,
      scales,
      spec.symmetric ? 0 : zeros,
      codes,
      rowBytes,
    )
  }

  let squaredError = 0
  let energy = 0
  for (let row = unit.from; row < unit.to; row += tileRows) {
    const rows = Math.min(tileRows, unit.to - row)
    await readFloats(job, io, kernels, row * depth, rows * depth, tile, extra)
    const error =
      job.solver === 'nearest'
        ? kernels.nearestPackRows(
            tile,
            depth,
            rows,
            depth,
            block,
            mode,
            spec.bits,
            flip,
            half,
            scales,
            zeros,
            codes,
            rowBytes,
          )
        : searchPackRows(rows)
    checkFinite(job, kernels, error, tile, rows * depth, (i) => row * depth + i)
    squaredError += error
    if (job.measure) energy += energyOf(kernels, tile, rows * depth, sums)
    await io.write(codeTarget, row * rowBytes, new Uint8Array(kernels.memory, codes, rows * rowBytes))
    await io.write(scaleTarget, row * blocks * scaleSize, scaleBytes(kernels, scales, rows * blocks, spec.scale, extra))
    if (zeroTarget) {
      const raw = new Uint8Array(kernels.memory, zeros, rows * blocks)
      await io.write(zeroTarget, row * zeroRowBytes, inElements ? raw : packZeroRows(raw, rows, blocks, spec.bits))
    }
  }
  return { squaredError, energy }
}
