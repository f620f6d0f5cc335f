import type { TensorRef } from '../../model/graph.ts'
import type { MatrixView } from '../../model/scheme.ts'
import type { Tools } from '../../model/tools.ts'
import { gridShapeOf } from '../../numbers/grid-shape.ts'
import { decode, encodeHalf } from '../../schemes/index.ts'
import { decodeRows, type GramCodes, type GramRows } from '../../solvers/gram/rows.ts'
import type { GramChoice, GramSolver } from '../../solvers/gram/solve-gram.ts'
import { finish } from '../../solvers/gram/steps.ts'
import { solveTensor } from '../../solvers/index.ts'
import { factorSpec, lowRankRows } from '../../solvers/low-rank/index.ts'
import { paced } from '../breath.ts'
import { floatsOf } from '../floats.ts'
import { type CorrectedRows, correctRows, type LowRankOptions, type RowCoder } from '../low-rank/corrected-rows.ts'
import { addLowRank } from '../low-rank/low-rank-values.ts'
import type { WeightWork } from '../plan.ts'
import { balanceValues, requireFinite } from '../produce/tile.ts'
import { turned } from '../turned.ts'
import type { FitLayer } from './fit-groups.ts'
import type { FittedWeight } from './fitted.ts'
import type { InputSolvers } from './input-solvers.ts'
import { madeWhenRead } from './made-when-read.ts'

/** Elements of a weight that is only decoded for what comes behind it. */
const MOST_DECODED = 2 ** 26

/** Balanced rows of a weight, one an output channel. */
export async function rowsOf({ work, view, spec }: FitLayer, { kernels }: Tools): Promise<GramRows> {
  const { weight, balance } = work
  const values = await floatsOf(weight.tensor, 0, weight.elementCount, kernels)
  requireFinite(weight.name, values, 0)
  balanceValues({ ...(balance ? { balance } : {}), view }, values, 0)
  const { channels, depth } = view
  const rows = view.along === 'row' ? values : turned(values, depth, channels, new Float32Array(values.length))
  return { values: rows, channels, depth, spec }
}

/** Rows of one of `groups` groups of output channels. */
export function groupPart(rows: GramRows, group: number, groups: number): GramRows {
  const channels = rows.channels / groups
  const size = channels * rows.depth
  return { ...rows, channels, values: rows.values.subarray(group * size, (group + 1) * size) }
}

/** Codes of a whole layer, put back into the order of the file; null where its moments have no factor. */
export async function fitLayer(
  { work, spec, view }: FitLayer,
  rows: GramRows,
  solvers: readonly InputSolvers[],
  choice: GramChoice,
  tools: Tools,
  lowRank?: LowRankOptions,
): Promise<FittedWeight | null> {
  const because = `codes by the second moments of ${solvers[0]?.rows ?? 0} rows of its input behind the quantized layers before it`
  const corrections = [
    `damping ${choice.damping}`,
    ...(choice.drift > 0 ? [`drift ${choice.drift}`] : []),
    ...(choice.ordered ? ['act-order'] : []),
  ]
  const [only] = solvers
  const refused = lowRank && (solvers.length > 1 ? 'it is of a convolution in groups' : refuseCorrection(work))
  if (lowRank && refused === null && only) {
    const found = await correctedLayer(work, rows, only.all, choice, lowRank, tools)
    return found && { ...correctedWeight(rows, view, found, corrections, because), solver: 'gptq' }
  }
  const { values } = rows
  const codes = new Uint8Array(values.length)
  const scales = new Float32Array(gridShapeOf(spec.granularity, view).grids)
  const zeros = new Uint8Array(scales.length)
  for (const [group, { all }] of solvers.entries()) {
    const solved = await paced(all.solveSteps(groupPart(rows, group, solvers.length), choice), tools)
    if (solved === null) return null
    codes.set(solved.codes, (group * codes.length) / solvers.length)
    scales.set(solved.scales, (group * scales.length) / solvers.length)
    zeros.set(solved.zeros, (group * scales.length) / solvers.length)
  }
  return {
    ...storedRows(rows, view, { codes, scales, zeros }),
    solver: 'gptq',
    corrections,
    because: refused ? `${because}; no low-rank correction: ${refused}` : because,
  }
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
  choice: GramChoice,
  options: LowRankOptions,
  tools: Tools,
): Promise<CorrectedRows | null> {
  const aimed = await paced(solver.aimedSteps(rows, choice), tools)
  const first = aimed && (await paced(solver.codeSteps(aimed, choice), tools))
  if (!aimed || !first) return null
  const coder: RowCoder = {
    code: (target) => paced(solver.codeSteps(target, choice), tools),
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

/** Codes of rows in the order of the file, with what they do wrong. */
export function storedRows(
  rows: GramRows,
  view: MatrixView,
  { codes, scales, zeros }: GramCodes,
): Pick<FittedWeight, 'quantized' | 'squaredError' | 'energy'> {
  const { values, channels, depth, spec } = rows
  const decoded = decodeRows(rows, { codes, scales, zeros })
  let [squaredError, energy] = [0, 0]
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    squaredError += (value - (decoded[i] as number)) ** 2
    energy += value * value
  }
  const stored = view.along === 'row' ? codes : turned(codes, channels, depth, new Uint8Array(codes.length))
  const quantized = { spec, view, codes: stored, scales, ...(spec.symmetric ? {} : { zeros }) }
  return { quantized, squaredError, energy }
}

/** What a weight that is not fitted decodes to, solved when it is read; null where nothing is known of it before the file is written. */
export function decodedAlone(work: WeightWork, { kernels }: Tools): TensorRef | null {
  const { weight, spec, solver, balance, packing } = work
  const view = weight.uses[0]?.view
  if (spec.family === 'half' || !view || !packing || weight.elementCount > MOST_DECODED) return null
  if (work.inverse?.some((one) => one === 0)) return null
  return decodedTensor(work, kernels, async () => {
    const values = await floatsOf(weight.tensor, 0, weight.elementCount, kernels)
    requireFinite(weight.name, values, 0)
    balanceValues({ ...(balance ? { balance } : {}), view }, values, 0)
    const { quantized } = solveTensor(values, view, spec, solver, kernels, weight.name)
    return decode(quantized, kernels)
  })
}

/** Codes in the place of a weight, decoded when they are read. */
export function decodedFit(work: WeightWork, found: FittedWeight, { kernels }: Tools): TensorRef {
  return decodedTensor(work, kernels, async () => {
    const values = decode(found.quantized, kernels)
    if (found.lowRank) addLowRank(values, found.lowRank, found.quantized.view)
    return values
  })
}

/** Decoded values in the place of a weight: without its balance, in its own type. */
function decodedTensor(
  { weight, balance }: WeightWork,
  kernels: Tools['kernels'],
  decoded: () => Promise<Float32Array>,
): TensorRef {
  const { name, dtype, shape, elementCount } = weight
  const width = dtype === 'f64' ? 8 : dtype === 'f32' ? 4 : 2
  const make = async (): Promise<Uint8Array> => {
    const values = await decoded()
    const view = weight.uses[0]?.view
    if (balance && view) balanceValues({ balance: balance.map((one) => (one === 0 ? 0 : 1 / one)), view }, values, 0)
    if (dtype === 'f64') return new Uint8Array(Float64Array.from(values).buffer)
    if (dtype === 'f32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    const { codes } = encodeHalf(values, dtype === 'bf16' ? 'bf16' : 'f16', kernels)
    return new Uint8Array(codes.buffer as ArrayBuffer, codes.byteOffset, codes.byteLength)
  }
  return { name, dtype, shape, storage: madeWhenRead(`decoded "${name}"`, elementCount * width, make) }
}
