import { streamGrids } from './stream-grids.ts'
import type { TileJob } from './tile-job.ts'

/** Columns that a run is folded into, so that kernels have lanes to fill. */
const WIDTH = 64

/**
 * One grid for `count` consecutive values from `start` on, however many. The run is read as rows of 64; zeros complete the
 * last one, which changes neither the range (it always includes 0) nor any error. Returns the squared error.
 */
export function solveLongRun(job: TileJob, start: number, count: number, gridIndex: number): number {
  const grids = streamGrids(job, {
    width: WIDTH,
    rows: Math.ceil(count / WIDTH),
    shared: true,
    load(row, rows, target, at) {
      const from = start + row * WIDTH
      const end = Math.min(start + count, from + rows * WIDTH)
      target.set(job.values.subarray(from, end), at)
      target.fill(0, at + end - from, at + rows * WIDTH)
    },
  })
  const { source, target, scales, zeros, floats, bytes } = grids
  job.scales[gridIndex] = floats[scales / 4]!
  if (job.zeros) job.zeros[gridIndex] = bytes[zeros]!
  const zerosOrNull = job.zeros ? zeros : 0
  const most = grids.tileRows * WIDTH
  let squaredError = 0
  for (let at = 0; at < count; at += most) {
    const length = Math.min(most, count - at)
    floats.set(job.values.subarray(start + at, start + at + length), source / 4)
    const { bits } = job.spec
    squaredError += job.kernels.encodeRows(
      source,
      length,
      1,
      length,
      length,
      bits,
      0,
      scales,
      zerosOrNull,
      target,
      length,
    )
    job.codes.set(bytes.subarray(target, target + length), start + at)
  }
  return squaredError
}
