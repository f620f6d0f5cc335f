import type { MatrixView, SolverId } from '../model/scheme.ts'
import { gridShapeOf } from '../numbers/grid-shape.ts'
import { aligned, CALL_ELEMENTS, columnStrips, columnTiles } from '../numbers/tiles.ts'
import { fitArguments, type TileJob } from './tile-job.ts'

/**
 * Longest block worth fitting in one call: `fitColumns` takes 8192 rows in its search modes; closed-form grids of longer
 * columns are cheaper in two wide passes than in one over strips so narrow that gathering them dominates.
 */
export function longestColumn(solver: SolverId): number {
  return solver === 'search' ? 8192 : 512
}

/**
 * Grids along stored columns of matrix number `matrix` of the stack: [depth, channels], a grid per block of each column,
 * blocks of at most `longestColumn` elements. Returns the squared error.
 */
export function solveColumns(job: TileJob, view: MatrixView, matrix: number): number {
  const { kernels, spec } = job
  const { mode, maxCode, half } = fitArguments(spec, job.solver)
  const { depth, channels } = view
  const { blockSize, blocks } = gridShapeOf(spec.granularity, view)
  const origin = matrix * depth * channels
  let squaredError = 0
  for (const strip of columnStrips(channels, blockSize, blocks)) {
    const width = strip.columns
    const most = Math.min(CALL_ELEMENTS, width * depth)
    const grids = width * blocks
    const source = kernels.reserve(aligned(4 * most) + aligned(4 * grids) + aligned(grids) + aligned(most))
    const scales = source + aligned(4 * most)
    const zeros = scales + aligned(4 * grids)
    const target = zeros + aligned(grids)
    const bytes = new Uint8Array(kernels.memory)
    const floats = new Float32Array(kernels.memory)
    for (const tile of columnTiles(depth, width, blockSize)) {
      for (let row = 0; row < tile.rows; row++) {
        const from = origin + (tile.row + row) * channels + strip.column
        floats.set(job.values.subarray(from, from + width), source / 4 + row * width)
      }
      // Grids of one column lie side by side, so that the strip comes out channel-major.
      const scale = scales + 4 * tile.block
      const zero = zeros + tile.block
      kernels.fitColumns(source, width, tile.rows, width, mode, maxCode, half, scale, blocks, zero, blocks)
      const zeroOrNull = job.zeros ? zero : 0
      squaredError += kernels.encodeColumns(
        source,
        width,
        tile.rows,
        width,
        spec.bits,
        0,
        scale,
        blocks,
        zeroOrNull,
        blocks,
        target,
        width,
      )
      for (let row = 0; row < tile.rows; row++) {
        const from = target + row * width
        job.codes.set(bytes.subarray(from, from + width), origin + (tile.row + row) * channels + strip.column)
      }
    }
    const firstGrid = (matrix * channels + strip.column) * blocks
    job.scales.set(floats.subarray(scales / 4, scales / 4 + grids), firstGrid)
    job.zeros?.set(bytes.subarray(zeros, zeros + grids), firstGrid)
  }
  return squaredError
}
