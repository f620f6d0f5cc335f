import { TersorError } from '../../errors.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { Tools } from '../../model/tools.ts'
import { solveHalfQuadratic } from '../../solvers/half-quadratic/index.ts'
import { breather } from '../breath.ts'
import type { WeightWork } from '../plan.ts'
import type { Fit, FittedWeight } from './fitted.ts'
import { rowsOf, storedRows } from './layer-rows.ts'

/** Where codes stand for numbers that a product or a table reads. */
const FORMS: ReadonlySet<string> = new Set(['matmul-nbits', 'expand', 'dequantize', 'gather-block', 'gather-rows'])

/** Elements of a weight that is held whole. */
const MOST_ELEMENTS = 2 ** 26

/** Codes of few bits by half-quadratic quantization, without data: weights it does not say anything of keep their solver, with the reason. */
export function halfQuadraticFit(tools: Tools): Fit {
  return async ({ plan }) => {
    const fitted = new Map<WeightFacts, FittedWeight>()
    const refused = new Map<WeightFacts, string>()
    const breathe = breather()
    for (const [index, work] of plan.work.entries()) {
      const { weight, spec } = work
      if (spec.family === 'half') continue
      tools.signal?.throwIfAborted()
      tools.notify({ phase: 'fit', done: index, total: plan.work.length, note: weight.name })
      await breathe()
      const why = refusalOf(work)
      if (why === null) fitted.set(weight, await solved(work, spec as IntegerSpec, tools))
      else refused.set(weight, why)
    }
    return { fitted, refused, notes: [] }
  }
}

function refusalOf({ weight, spec, form }: WeightWork): string | null {
  if (spec.family !== 'integer' || spec.only !== undefined) return 'hqq is for evenly spaced codes'
  if (spec.bits > 4) return 'hqq is for 4 bits and fewer'
  if (spec.granularity.kind === 'tensor') return 'hqq is for blocks and channels, and all of it has one scale'
  if (!FORMS.has(form)) return 'its codes have bounds of their own'
  if (weight.uses[0]?.view?.stack !== 1) return 'it is a stack of matrices'
  return weight.elementCount > MOST_ELEMENTS ? `more than ${MOST_ELEMENTS} elements` : null
}

async function solved(work: WeightWork, spec: IntegerSpec, tools: Tools): Promise<FittedWeight> {
  const view = work.weight.uses[0]?.view
  if (!view) throw new TersorError('E_INTERNAL', 'it has no matrix view', { where: work.weight.name })
  const rows = await rowsOf({ work, spec, view }, tools)
  return {
    ...storedRows(rows, view, solveHalfQuadratic(rows)),
    solver: 'hqq',
    corrections: [],
    because: 'zero and scale of least |error|^0.7, without data',
  }
}
