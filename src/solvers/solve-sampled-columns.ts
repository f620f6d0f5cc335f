import type { MatrixView } from '../model/scheme.ts'
import { SAMPLED_ROWS, sampledRow } from '../numbers/sampled-rows.ts'
import { aligned, CALL_ELEMENTS } from '../numbers/tiles.ts'
import { fitArguments, type TileJob } from './tile-job.ts'

/** Rows of the tile that stands for a column: the sample, the least and the largest value. */
const TILE_ROWS = SAMPLED_ROWS + 2

/**
 * One 8-bit grid per stored column of matrix number `matrix`, searched on a sample of the column and its extremes
 * (numbers/sampled-rows.ts), then all codes. Returns the squared error.
 */
export function solveSampledColumns(job: TileJob, view: MatrixView, matrix: number): number {
  const { kernels, spec } = job
  const { mode, maxCode, half } = fitArguments(spec, job.solver)
  const { depth, channels } = view
  const origin = matrix * depth * channels
  const strip = Math.max(1, Math.floor(CALL_ELEMENTS / TILE_ROWS / 16) * 16)
  let squaredError = 0
  for (let column = 0; column < channels; column += strip) {
    const width = Math.min(strip, channels - column)
    const rowsAtOnce = Math.max(1, Math.floor(CALL_ELEMENTS / width))
    const most = Math.max(TILE_ROWS * width, Math.min(rowsAtOnce, depth) * width)
    const source = kernels.reserve(
      aligned(4 * most) + aligned(4 * width) + aligned(width) + aligned(most) + aligned(4 * width),
    )
    const scales = source + aligned(4 * most)
    const zeros = scales + aligned(4 * width)
    const target = zeros + aligned(width)
    const bytes = new Uint8Array(kernels.memory)
    const floats = new Float32Array(kernels.memory)
    const at = (row: number) =>
      job.values.subarray(origin + row * channels + column, origin + row * channels + column + width)
    for (let i = 0; i < SAMPLED_ROWS; i++) floats.set(at(sampledRow(i, depth)), source / 4 + i * width)
    const least = source + 4 * SAMPLED_ROWS * width
    const largest = least + 4 * width
    floats.fill(Number.POSITIVE_INFINITY, least / 4, least / 4 + width)
    floats.fill(Number.NEGATIVE_INFINITY, largest / 4, largest / 4 + width)
    const scratch = target + aligned(most)
    for (let row = 0; row < depth; row++) {
      floats.set(at(row), scratch / 4)
      kernels.foldColumns(scratch, width, 1, width, least, largest)
    }
    kernels.fitColumns(source, width, TILE_ROWS, width, mode, maxCode, half, scales, 1, zeros, 1)
    for (let first = 0; first < depth; first += rowsAtOnce) {
      const rows = Math.min(rowsAtOnce, depth - first)
      for (let row = 0; row < rows; row++) floats.set(at(first + row), source / 4 + row * width)
      squaredError += kernels.encodeColumns(
        source,
        width,
        rows,
        width,
        8,
        0,
        scales,
        1,
        job.zeros ? zeros : 0,
        1,
        target,
        width,
      )
      for (let row = 0; row < rows; row++) {
        const from = origin + (first + row) * channels + column
        job.codes.set(bytes.subarray(target + row * width, target + (row + 1) * width), from)
      }
    }
    const firstGrid = matrix * channels + column
    job.scales.set(floats.subarray(scales / 4, scales / 4 + width), firstGrid)
    job.zeros?.set(bytes.subarray(zeros, zeros + width), firstGrid)
  }
  return squaredError
}
