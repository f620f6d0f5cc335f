import { TersorError } from '../errors.ts'
import type { Kernels } from '../model/kernels.ts'
import type { CodedSpec, IntegerSpec } from '../model/packing.ts'
import type { MatrixView, QuantizedTensor, SolverId } from '../model/scheme.ts'
import { gridShapeOf, viewElementCount } from '../numbers/grid-shape.ts'
import { isSampled } from '../numbers/sampled-rows.ts'
import { CALL_ELEMENTS } from '../numbers/tiles.ts'
import { levelFit, solveLevels } from './levels/solve-levels.ts'
import { longestColumn, solveColumns } from './solve-columns.ts'
import { solveLongColumns } from './solve-long-columns.ts'
import { solveLongRun } from './solve-long-run.ts'
import { solveRows } from './solve-rows.ts'
import { solveSampledColumns } from './solve-sampled-columns.ts'
import { survey } from './survey.ts'
import type { TileJob } from './tile-job.ts'

export interface Solved {
  readonly quantized: QuantizedTensor
  /** Sum of (value - decoded)^2. */
  readonly squaredError: number
  /** Sum of value^2. */
  readonly energy: number
}

/**
 * Codes and grids of one tensor, or of any part of it that holds whole grids (rows, or blocks of columns).
 * `values` are in source order. Throws E_NONFINITE with the index; E_PLAN when the view does not cover the values.
 * Grids do not depend on what lies beside them, so any division into parts gives the same codes.
 * Errors are summed from f32 squares: weights beyond 1e18 make them infinite, weights below 1e-20 zero.
 */
export function solveTensor(
  values: Float32Array,
  view: MatrixView,
  spec: CodedSpec,
  solver: SolverId,
  kernels: Kernels,
  label = 'tensor',
): Solved {
  if (viewElementCount(view) !== values.length) {
    const { stack, channels, depth } = view
    const expected = `${stack} x ${channels} x ${depth}`
    throw new TersorError('E_PLAN', `${label}: expected ${expected} values, found ${values.length}`, { where: label })
  }
  const found = levelFit(spec, solver)
  if (found) return solveLevels(values, view, spec, found, kernels, label)
  return solveIntegers(values, view, spec as IntegerSpec, solver, kernels, label)
}

function solveIntegers(
  values: Float32Array,
  view: MatrixView,
  spec: IntegerSpec,
  solver: SolverId,
  kernels: Kernels,
  label: string,
): Solved {
  const { grids } = gridShapeOf(spec.granularity, view)
  const codes = new Uint8Array(values.length)
  const scales = new Float32Array(grids)
  const zeros = spec.symmetric ? undefined : new Uint8Array(grids)
  const { energy } = survey(values, kernels, label)
  const job: TileJob = { values, codes, scales, zeros, spec, solver, kernels }
  const squaredError = values.length === 0 ? 0 : solveGrids(job, view)
  const quantized = zeros ? { spec, view, codes, scales, zeros } : { spec, view, codes, scales }
  return { quantized, squaredError, energy }
}

function solveGrids(job: TileJob, view: MatrixView): number {
  const { stack, channels, depth } = view
  const { granularity } = job.spec
  const { blockSize } = gridShapeOf(granularity, view)
  const count = job.values.length
  if (granularity.kind === 'tensor') {
    return count <= CALL_ELEMENTS ? solveRows(job, 1, count, count) : solveLongRun(job, 0, count, 0)
  }
  let squaredError = 0
  if (view.along === 'row') {
    if (blockSize <= CALL_ELEMENTS) return solveRows(job, stack * channels, depth, blockSize)
    for (let row = 0; row < stack * channels; row++) squaredError += solveLongRun(job, row * depth, depth, row)
    return squaredError
  }
  const sampled = job.solver === 'search' && granularity.kind === 'channel' && isSampled(job.spec.bits, depth)
  const solve = sampled ? solveSampledColumns : blockSize <= longestColumn(job.solver) ? solveColumns : solveLongColumns
  for (let matrix = 0; matrix < stack; matrix++) squaredError += solve(job, view, matrix)
  return squaredError
}
