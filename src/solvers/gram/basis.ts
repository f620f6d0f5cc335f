import type { Kernels } from '../../model/kernels.ts'
import type { MatrixView } from '../../model/scheme.ts'
import { solveTensor } from '../solve.ts'
import { GramDescent } from './descend.ts'
import type { GramFactor } from './factor.ts'
import { feedbackSteps } from './feedback.ts'
import type { GramCodes, GramRows } from './rows.ts'
import { solveFactoredSteps } from './solve-factored.ts'
import type { Steps } from './steps.ts'

/** Rows that are solved side by side: rows from a multiple of it on have the same codes by themselves. */
export const ROWS_TOGETHER = 64

const ROUNDS = 4
const SWEEPS = 4

/** What rows are solved with, without the moments that it was made from: every thread solves its own rows. */
export interface GramBasis {
  readonly depth: number
  /** E[xq xq^T]. [depth][depth] */
  readonly gram: Float32Array
  /** Damping on its diagonal. */
  readonly added: number
  /** As in `GramMoments`. */
  readonly drift: Float32Array | null
  /** Of both, columns taken in `order`. */
  readonly factor: GramFactor
  /** Columns with the most energy first; null: as they are. */
  readonly order: Int32Array | null
}

/** What rows have to be so that products with xq come nearest to those with x: w + part * H^-1 E[xq (x - xq)^T] w. The basis has no order. */
export function* aimOnSteps(
  { drift, depth, factor }: GramBasis,
  rows: GramRows,
  part: number,
  kernels: Kernels,
): Steps<GramRows> {
  if (!drift || !(part > 0)) return rows
  const missing = yield* new GramDescent(drift, depth, kernels).productSteps(rows.values)
  const shift = yield* solveFactoredSteps(factor, missing, kernels)
  return { ...rows, values: rows.values.map((value, i) => value + part * (shift[i] as number)) }
}

/** Error feedback, then scales and codes descended by turns. */
export function* codeOnSteps(
  { depth, gram, added, factor, order }: GramBasis,
  rows: GramRows,
  kernels: Kernels,
): Steps<GramCodes> {
  // Runs go on from row to row, and in another order blocks are met in pieces: their scales cannot follow the feedback.
  const given = order || rows.spec.granularity.kind === 'run' ? gridsOf(rows, kernels) : undefined
  const codes = yield* feedbackSteps(rows, factor, kernels, given, order ?? undefined)
  const descent = new GramDescent(gram, depth, kernels, added)
  descent.load()
  yield* descent.descendSteps(rows, codes, { rounds: ROUNDS, sweeps: SWEEPS })
  return codes
}

/** Columns by falling energy. */
export function byEnergy(gram: Float32Array, depth: number): Int32Array {
  const order = Int32Array.from({ length: depth }, (_, i) => i)
  return order.sort((a, b) => (gram[b * depth + b] as number) - (gram[a * depth + a] as number) || a - b)
}

/** Grids of the weights as they are, without feedback. */
function gridsOf({ values, channels, depth, spec }: GramRows, kernels: Kernels): Pick<GramCodes, 'scales' | 'zeros'> {
  const view: MatrixView = { stack: 1, channels, depth, along: 'row' }
  const { quantized } = solveTensor(values, view, spec, 'search', kernels)
  const { scales, zeros = new Uint8Array(scales.length).fill(2 ** (spec.bits - 1)) } = quantized
  return { scales, zeros }
}
