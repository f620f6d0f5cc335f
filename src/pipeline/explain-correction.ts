import {
  applyErrorModel,
  type ErrorModel,
  fitCentroids,
  fitLowRank,
  fitPolynomial,
  type Grid,
  heldOutGain,
  heldOutMask,
} from '../corrections/index.ts'
import type { CorrectionKind, CorrectionOutcome } from '../model/explanation.ts'

export interface Corrected {
  readonly outcome: CorrectionOutcome
  readonly decoded: Float32Array
}

const DEGREES: readonly (readonly [CorrectionKind, number])[] = [
  ['affine', 1],
  ['quadratic', 2],
  ['cubic', 3],
]
const RANKS: readonly (readonly [CorrectionKind, number])[] = [
  ['low-rank-1', 1],
  ['low-rank-4', 4],
]

/** Fewer values leave too few to judge on. */
export const LEAST_VALUES = 32

export interface CorrectionSubject {
  readonly values: Float32Array
  readonly decoded: Float32Array
  readonly codes: Uint16Array
  readonly grid: Grid
  readonly columns: number
  readonly seed: number
}

/** Every model of the error, fitted on three quarters of the values and judged on the rest. */
export function corrections(subject: CorrectionSubject): { readonly tried: Corrected[]; readonly mask: Uint8Array } {
  const { values, decoded, codes, grid, columns, seed } = subject
  const mask = heldOutMask(values.length, seed)
  const judge = (kind: CorrectionKind, model: ErrorModel): Corrected => {
    const corrected = applyErrorModel(model, decoded, codes)
    const gain = heldOutGain(values, decoded, corrected, mask, model.byteLength)
    return { outcome: { kind, byteLength: model.byteLength, ...gain }, decoded: corrected }
  }
  if (values.length < LEAST_VALUES) return { tried: [], mask }
  const levelCount = grid.maxCode + 1
  const ends = { low: grid.offset, high: grid.offset + grid.scale * grid.maxCode, mask }
  const tried = [
    judge('centroids', fitCentroids(values, decoded, codes, levelCount, { mask })),
    judge('centroids-shrunk', fitCentroids(values, decoded, codes, levelCount, { mask, shrink: true })),
    ...DEGREES.map(([kind, degree]) => judge(kind, fitPolynomial(values, decoded, degree, ends))),
  ]
  const least = Math.min(columns, values.length / columns)
  const residual = values.map((value, i) => value - (decoded[i] as number))
  for (const [kind, rank] of RANKS) {
    // A model with as many numbers as the matrix explains nothing.
    if (2 * rank <= least) tried.push(judge(kind, fitLowRank(residual, columns, rank, { mask, seed })))
  }
  return { tried, mask }
}
