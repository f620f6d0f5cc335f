import {
  absorbMeanErrors,
  encodeWithDiffusion,
  encodeWithFeedback,
  type Grid,
  gridQuantizer,
  meanErrors,
  refitAndRecode,
  refitGrid,
  residualFigures,
} from '../corrections/index.ts'
import { decibels } from '../evaluation/decibels.ts'
import type { CompensationKind, CompensationOutcome } from '../model/explanation.ts'
import { valuesOfCodes } from './explain-stages.ts'

export interface Compensated {
  readonly outcome: CompensationOutcome
  readonly decoded: Float32Array
}

/**
 * Every way to absorb the error while encoding, on the same values and grid. `columns`: rows of the matrix that figures and
 * diffusion work on; `rowLength`: how far feedback runs before it starts anew.
 */
export function compensations(
  values: Float32Array,
  codes: Uint16Array,
  plain: Float32Array,
  grid: Grid,
  columns: number,
  rowLength: number,
): Compensated[] {
  const judge = judgeOf(values, columns)
  const levelCount = grid.maxCode + 1
  const means = meanErrors(values, plain, values.length)
  const quantizer = gridQuantizer(grid)
  return [
    judge('none', plain),
    // The article adds error / (levels - 1). That takes the error of every value, a float each, at the place of decoding.
    judge(
      'article',
      plain.map((value, i) => value + ((values[i] as number) - value) / (levelCount - 1)),
      4 * values.length,
    ),
    judge('mean-error', absorbMeanErrors(plain, means)),
    judge('refit', valuesOfCodes(codes, refitGrid(values, codes, grid))),
    judge('refit-recode', refitAndRecode(values, grid).decoded),
    judge('feedback', encodeWithFeedback(values, rowLength, quantizer).decoded),
    judge('diffusion', encodeWithDiffusion(values, columns, quantizer).decoded),
  ]
}

function judgeOf(values: Float32Array, columns: number) {
  let energy = 0
  for (const value of values) energy += value * value
  return (kind: CompensationKind, decoded: Float32Array, byteLength = 0): Compensated => {
    const { max, rms, mean, runRms, tileRms } = residualFigures(values, decoded, columns)
    const sqnrDb = decibels(energy, rms * rms * values.length)
    return { outcome: { kind, byteLength, max, rms, mean, sqnrDb, runRms, tileRms }, decoded }
  }
}

/** Rows and columns for what works in two dimensions; a vector is folded into the squarest matrix it fills. */
export function matrixOf(shape: readonly number[], count: number): readonly [rows: number, columns: number] {
  if (shape.length >= 2) {
    const rows = shape[0] as number
    return [rows, count / rows]
  }
  for (let rows = Math.floor(Math.sqrt(count)); rows > 1; rows -= 1) if (count % rows === 0) return [rows, count / rows]
  return [1, count]
}
