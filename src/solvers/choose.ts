import type { Kernels } from '../model/kernels.ts'
import type { IntegerSpec } from '../model/packing.ts'
import type { MatrixView, SolverId } from '../model/scheme.ts'
import { schemeByteLength, viewElementCount } from '../numbers/grid-shape.ts'
import { log2 } from '../numbers/log2.ts'
import { sampleOf } from './sample.ts'
import { solveTensor } from './solve.ts'

export interface Candidate {
  readonly spec: IntegerSpec
  /** Bytes in the file when the packing adds padding; default: codes, scales and zeros of the whole tensor. */
  readonly bytes?: number
}

/** What one candidate costs and loses. Errors are of the sample, bytes of the whole tensor. */
export interface Measured {
  readonly spec: IntegerSpec
  readonly squaredError: number
  readonly energy: number
  readonly bytes: number
  readonly bitsPerWeight: number
}

/** Elements of the default sample: error of a quarter million weights is within a percent of the whole. */
export const SAMPLE_ELEMENTS = 262144

/** Solves a deterministic sample of the tensor with each candidate. Throws E_NONFINITE with the index inside the sample. */
export function measureCandidates(
  values: Float32Array,
  view: MatrixView,
  candidates: readonly Candidate[],
  solver: SolverId,
  kernels: Kernels,
  sampleElements = SAMPLE_ELEMENTS,
): Measured[] {
  const specs = candidates.map(({ spec }) => spec)
  const sample = sampleOf(values, view, specs, sampleElements)
  const elementCount = viewElementCount(view)
  return candidates.map(({ spec, bytes = schemeByteLength(spec, view) }) => {
    const { squaredError, energy } = solveTensor(sample.values, sample.view, spec, solver, kernels)
    return { spec, squaredError, energy, bytes, bitsPerWeight: (bytes * 8) / elementCount }
  })
}

/**
 * The candidate with the least log2(rms error) + bits per weight: one more bit halves the error of any smooth
 * distribution (6.02 dB), so bits spent on grids must do as well as bits spent on codes. `slope` below 1 favours quality.
 * Ties go to fewer bytes, then to the earlier candidate. Candidates without error compete by bytes alone.
 */
export function chooseByErrorPerByte<T extends Pick<Measured, 'squaredError' | 'bytes' | 'bitsPerWeight'>>(
  measured: readonly T[],
  slope = 1,
): T {
  let best = measured[0]!
  for (const entry of measured) {
    const difference = cost(entry, slope) - cost(best, slope)
    if (difference < 0 || (!(difference > 0) && entry.bytes < best.bytes)) best = entry
  }
  return best
}

function cost(entry: Pick<Measured, 'squaredError' | 'bitsPerWeight'>, slope: number): number {
  return log2(entry.squaredError) / 2 + slope * entry.bitsPerWeight
}
