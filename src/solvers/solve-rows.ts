import { aligned, CALL_ELEMENTS, rowTiles } from '../numbers/tiles.ts'
import { fitArguments, type TileJob } from './tile-job.ts'

/** Grids along stored rows: [rows, columns] with a grid per `block` elements, block <= 2^20. Returns the squared error. */
export function solveRows(job: TileJob, rows: number, columns: number, block: number): number {
  const { kernels, spec } = job
  const { mode, maxCode, half } = fitArguments(spec, job.solver)
  const most = Math.min(CALL_ELEMENTS, rows * columns)
  const source = kernels.reserve(2 * aligned(4 * most) + 2 * aligned(most))
  const scales = source + aligned(4 * most)
  const zeros = scales + aligned(4 * most)
  const target = zeros + aligned(most)
  const zerosOrNull = job.zeros ? zeros : 0
  const bytes = new Uint8Array(kernels.memory)
  const floats = new Float32Array(kernels.memory)
  let squaredError = 0
  for (const tile of rowTiles(rows, columns, block)) {
    const count = tile.rows * tile.columns
    const grids = tile.rows * Math.ceil(tile.columns / tile.block)
    const width = tile.columns
    floats.set(job.values.subarray(tile.start, tile.start + count), source / 4)
    kernels.fitRows(source, width, tile.rows, width, tile.block, mode, maxCode, half, scales, zeros)
    squaredError += kernels.encodeRows(
      source,
      width,
      tile.rows,
      width,
      tile.block,
      spec.bits,
      0,
      scales,
      zerosOrNull,
      target,
      width,
    )
    job.codes.set(bytes.subarray(target, target + count), tile.start)
    job.scales.set(floats.subarray(scales / 4, scales / 4 + grids), tile.firstGrid)
    job.zeros?.set(bytes.subarray(zeros, zeros + grids), tile.firstGrid)
  }
  return squaredError
}
