import type { MatrixView } from '../../model/scheme.ts'
import type { Tools } from '../../model/tools.ts'
import { gridShapeOf } from '../../numbers/grid-shape.ts'
import type { GramCodes, GramRows } from '../../solvers/gram/rows.ts'
import { type GramChoice, type GramSolver, PLAIN_CHOICE } from '../../solvers/gram/solve-gram.ts'
import { finish } from '../../solvers/gram/steps.ts'
import { factorSpec, lowRankRows } from '../../solvers/low-rank/index.ts'
import { type CorrectedRows, correctRows, type LowRankOptions, type RowCoder } from '../low-rank/corrected-rows.ts'
import type { WeightWork } from '../plan.ts'
import type { FitLayer } from './fit-groups.ts'
import type { FittedWeight } from './fitted.ts'
import type { InputSolvers } from './input-solvers.ts'
import { groupPart, storedRows } from './layer-rows.ts'
import type { RowSolving } from './row-solving.ts'
import { weightedCodes } from './weighted-search.ts'

/** How codes of a layer are found. */
export interface LayerChoice {
  readonly choice: GramChoice
  /** Searched by weighted errors, without error feedback. */
  readonly weighted: boolean
  readonly lowRank?: LowRankOptions
}

/** What finds codes for rows that meet one input; null where its moments say nothing. */
interface LayerSolver {
  /** What codes are to stand for. */
  aimed(rows: GramRows): Promise<GramRows | null>
  code(aimed: GramRows): Promise<GramCodes | null>
}

/** Codes of a whole layer, put back into the order of the file; null where its moments have no factor. */
export async function fitLayer(
  { work, spec, view }: FitLayer,
  rows: GramRows,
  solvers: readonly InputSolvers[],
  given: LayerChoice,
  solving: RowSolving,
  tools: Tools,
): Promise<FittedWeight | null> {
  const { lowRank } = given
  const [only] = solvers
  const how = said(given, solvers[0]?.rows ?? 0)
  const refused = lowRank && (solvers.length > 1 ? 'it is of a convolution in groups' : refuseCorrection(work))
  if (lowRank && refused === null && only) {
    const found = await correctedLayer(work, rows, only.all, given, lowRank, solving, tools)
    return found && { ...correctedWeight(rows, view, found, how.corrections, how.because), solver: how.solver }
  }
  const { values } = rows
  const codes = new Uint8Array(values.length)
  const scales = new Float32Array(gridShapeOf(spec.granularity, view).grids)
  const zeros = new Uint8Array(scales.length)
  for (const [group, { all }] of solvers.entries()) {
    const solver = layerSolver(all, given, solving, tools)
    const aimed = await solver.aimed(groupPart(rows, group, solvers.length))
    const solved = aimed && (await solver.code(aimed))
    if (solved === null) return null
    codes.set(solved.codes, (group * codes.length) / solvers.length)
    scales.set(solved.scales, (group * scales.length) / solvers.length)
    zeros.set(solved.zeros, (group * scales.length) / solvers.length)
  }
  const because = refused ? `${how.because}; no low-rank correction: ${refused}` : how.because
  return { ...storedRows(rows, view, { codes, scales, zeros }), ...how, because }
}

function said(
  { choice, weighted }: LayerChoice,
  count: number,
): Pick<FittedWeight, 'solver' | 'corrections' | 'because'> {
  if (weighted) {
    const because = `scales and zeros by errors that count by the mean squares of ${count} rows of its input`
    return { solver: 'search', corrections: ['weighted errors'], because }
  }
  return {
    solver: 'gptq',
    corrections: [
      `damping ${choice.damping}`,
      ...(choice.drift > 0 ? [`drift ${choice.drift}`] : []),
      ...(choice.ordered ? ['act-order'] : []),
    ],
    because: `codes by the second moments of ${count} rows of its input behind the quantized layers before it`,
  }
}

function layerSolver(
  solver: GramSolver,
  { choice, weighted }: LayerChoice,
  solving: RowSolving,
  tools: Tools,
): LayerSolver {
  if (!weighted) {
    return {
      aimed: (rows) => solving.aimed(solver, rows, choice),
      code: (aimed) => solving.code(solver, aimed, choice),
    }
  }
  const importance = solver.energies
  const isSeen = importance.some((one) => one > 0) && importance.every(Number.isFinite)
  return {
    aimed: async (rows) => (isSeen ? rows : null),
    code: (aimed) => weightedCodes(aimed, importance, tools),
  }
}

/** What a weighted search has no grids for; null: nothing is in the way. */
export function refuseWeighted({ spec }: WeightWork): string | null {
  if (spec.family === 'integer' && spec.only === undefined && spec.granularity.kind !== 'tensor') return null
  return 'errors are weighted for scales of whole codes, in blocks and channels'
}

/** What no correction is added to, and why; null: nothing is in the way. */
export function refuseCorrection({ balance, inverse, form }: WeightWork): string | null {
  if (form === 'lookup' || form === 'matmul-bnb4') return 'codes of tables have no correction beside them'
  return balance || inverse ? 'its input is balanced' : null
}

/** Codes with a correction of what they do wrong, each found beside the other. */
async function correctedLayer(
  work: WeightWork,
  rows: GramRows,
  solver: GramSolver,
  given: LayerChoice,
  options: LowRankOptions,
  solving: RowSolving,
  tools: Tools,
): Promise<CorrectedRows | null> {
  const own = layerSolver(solver, given, solving, tools)
  const aimed = await own.aimed(rows)
  const first = aimed && (await own.code(aimed))
  if (!aimed || !first) return null
  const choice = given.weighted ? PLAIN_CHOICE : given.choice
  const coder: RowCoder = {
    code: (target) => own.code(target),
    moved: (some) => finish(solver.movedSteps(some, choice.damping)),
    codeRows: (values, channels, depth) =>
      finish(solver.codeSteps({ values, channels, depth, spec: factorSpec(options.bits) }, choice)),
  }
  return await correctRows(aimed, first, { work, coder, options, tools })
}

/** A weight with what was found for its rows, put back into the order of the file. */
export function correctedWeight(
  rows: GramRows,
  view: MatrixView,
  { codes, lowRank, because: why }: CorrectedRows,
  corrections: readonly string[],
  because: string,
): Omit<FittedWeight, 'solver'> {
  const added = lowRank && lowRankRows(lowRank)
  const values = added ? rows.values.map((value, i) => value - (added[i] as number)) : rows.values
  const { quantized, squaredError } = storedRows({ ...rows, values }, view, codes)
  let energy = 0
  for (const value of rows.values) energy += value * value
  return {
    ...{ quantized, squaredError, energy },
    corrections: lowRank ? [...corrections, `low rank ${lowRank.rank}`] : corrections,
    because: `${because}; ${why}`,
    ...(lowRank ? { lowRank } : {}),
  }
}
