import type { MatrixView } from '../model/scheme.ts'
import { gridShapeOf } from '../numbers/grid-shape.ts'
import { streamGrids } from './stream-grids.ts'
import type { TileJob } from './tile-job.ts'

/** Columns treated together; the sums of 34 candidate grids for each take under a megabyte. */
const WIDTH = 1024

/** As `solveColumns`, for blocks of any length. */
export function solveLongColumns(job: TileJob, view: MatrixView, matrix: number): number {
  const { depth, channels } = view
  const { blockSize, blocks } = gridShapeOf(job.spec.granularity, view)
  let squaredError = 0
  for (let block = 0; block < blocks; block++) {
    const top = block * blockSize
    const rows = Math.min(blockSize, depth - top)
    for (let column = 0; column < channels; column += WIDTH) {
      const width = Math.min(WIDTH, channels - column)
      const origin = (matrix * depth + top) * channels + column
      const firstGrid = (matrix * channels + column) * blocks + block
      squaredError += solvePatch(job, { origin, rows, width, step: channels, firstGrid, gridStep: blocks })
    }
  }
  return squaredError
}

/** A rectangle of the matrix with one grid per column. */
interface Patch {
  readonly origin: number
  readonly rows: number
  readonly width: number
  /** Elements from one row to the next. */
  readonly step: number
  readonly firstGrid: number
  /** Grids from one column to the next. */
  readonly gridStep: number
}

function solvePatch(job: TileJob, { origin, rows, width, step, firstGrid, gridStep }: Patch): number {
  const load = (row: number, count: number, target: Float32Array, at: number) => {
    for (let index = 0; index < count; index++) {
      const from = origin + (row + index) * step
      target.set(job.values.subarray(from, from + width), at + index * width)
    }
  }
  const grids = streamGrids(job, { width, rows, shared: false, load })
  const { source, target, scales, zeros, floats, bytes, tileRows } = grids
  for (let column = 0; column < width; column++) {
    job.scales[firstGrid + column * gridStep] = floats[scales / 4 + column]!
    if (job.zeros) job.zeros[firstGrid + column * gridStep] = bytes[zeros + column]!
  }
  const zerosOrNull = job.zeros ? zeros : 0
  let squaredError = 0
  for (let row = 0; row < rows; row += tileRows) {
    const count = Math.min(tileRows, rows - row)
    load(row, count, floats, source / 4)
    const { bits } = job.spec
    squaredError += job.kernels.encodeColumns(
      source,
      width,
      count,
      width,
      bits,
      0,
      scales,
      1,
      zerosOrNull,
      1,
      target,
      width,
    )
    for (let index = 0; index < count; index++) {
      const from = target + index * width
      job.codes.set(bytes.subarray(from, from + width), origin + (row + index) * step)
    }
  }
  return squaredError
}
