import { TersorError } from '../../errors.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { Tools } from '../../model/tools.ts'
import type { GramCodes, GramRows } from '../../solvers/gram/rows.ts'
import { solveHalfQuadratic } from '../../solvers/half-quadratic/index.ts'
import { solveTensor } from '../../solvers/index.ts'
import { codeRowsAlone, type RankAsk } from '../../solvers/low-rank/index.ts'
import { breather } from '../breath.ts'
import { isFitProduct, whyNoFit } from '../fitting/fit-groups.ts'
import type { Fit, FitResult, FittedWeight } from '../fitting/fitted.ts'
import { correctedWeight, refuseCorrection } from '../fitting/layer-codes.ts'
import { rowsOf } from '../fitting/layer-rows.ts'
import type { WeightWork } from '../plan.ts'
import { correctRows, type LowRankOptions } from './corrected-rows.ts'
import { lowRankOptions } from './factor-bits.ts'

/** Elements of a weight that is held whole. */
const MOST_ELEMENTS = 2 ** 26

/** Low-rank corrections without data, behind what `inner` finds or behind codes of each weight alone. */
export function lowRankFit(ask: RankAsk, inner: Fit | undefined, tools: Tools): Fit {
  return async (input) => {
    const started = (await inner?.(input)) ?? { fitted: new Map(), notes: [] }
    const options = lowRankOptions(ask, input.inventory)
    const fitted = new Map<WeightFacts, FittedWeight>(started.fitted)
    const remarks = new Map<WeightFacts, string>()
    const breathe = breather()
    for (const [index, work] of input.plan.work.entries()) {
      tools.signal?.throwIfAborted()
      tools.notify({ phase: 'fit', done: index, total: input.plan.work.length, note: work.weight.name })
      await breathe()
      const why = refusalOf(work)
      const found = why === null ? await corrected(work, started.fitted.get(work.weight), options, tools) : why
      if (typeof found !== 'string') fitted.set(work.weight, found)
      else remarks.set(work.weight, why === null ? found : `no low-rank correction: ${why}`)
    }
    return { ...started, fitted, remarks }
  }
}

/** What was found on data, with a word about every weight that has no correction. */
export function withUncorrected(
  { plan }: { readonly plan: { readonly work: readonly WeightWork[] } },
  found: FitResult,
): FitResult {
  const remarks = new Map(found.remarks)
  for (const { weight, spec } of plan.work) {
    if (spec.family === 'half' || found.fitted.has(weight)) continue
    const why = found.refused?.has(weight) ? 'its codes are found without data' : 'it is not the weight of a product'
    remarks.set(weight, `no low-rank correction: ${why}`)
  }
  return { ...found, remarks }
}

function refusalOf(work: WeightWork): string | null {
  const { weight, spec } = work
  if (!isFitProduct(work)) return 'it is not the weight of a product'
  if (spec.family !== 'integer') return 'codes of tables have no correction beside them'
  if (weight.elementCount > MOST_ELEMENTS) return `more than ${MOST_ELEMENTS} elements`
  return whyNoFit(work) ?? refuseCorrection(work)
}

async function corrected(
  work: WeightWork,
  known: FittedWeight | undefined,
  options: LowRankOptions,
  tools: Tools,
): Promise<FittedWeight | string> {
  const { weight, spec, solver } = work
  const view = weight.uses[0]?.view
  if (!view || spec.family !== 'integer') throw new TersorError('E_INTERNAL', 'no matrix view', { where: weight.name })
  const rows = await rowsOf({ work, spec, view }, tools)
  const code = (target: GramRows): GramCodes =>
    known?.solver === 'hqq' ? solveHalfQuadratic(target) : solvedAlone(target, spec, solver, tools)
  const coder = {
    code: async (target: GramRows) => code(target),
    codeRows: codeRowsAlone(options.bits, tools.kernels),
  }
  const found = await correctRows(rows, code(rows), { work, coder, options, tools })
  // Codes are found again while the file is written.
  if (!found.lowRank) return found.because
  const { corrections = [], because = 'without data' } = known ?? {}
  return { ...correctedWeight(rows, view, found, corrections, because), solver: known?.solver ?? solver }
}

function solvedAlone(rows: GramRows, spec: IntegerSpec, solver: WeightWork['solver'], { kernels }: Tools): GramCodes {
  const { values, channels, depth } = rows
  const view = { stack: 1, channels, depth, along: 'row' } as const
  const { quantized } = solveTensor(values, view, spec, solver, kernels)
  const zeros = quantized.zeros ?? new Uint8Array(quantized.scales.length).fill(2 ** (spec.bits - 1))
  return { ...quantized, zeros }
}
