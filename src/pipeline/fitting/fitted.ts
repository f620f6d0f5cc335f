import { TersorError } from '../../errors.ts'
import type { Model } from '../../model/graph.ts'
import type { Inventory, WeightFacts } from '../../model/inventory.ts'
import type { Decision } from '../../model/plan.ts'
import type { FittingId, QuantizedTensor } from '../../model/scheme.ts'
import { gridShapeOf, viewElementCount } from '../../numbers/grid-shape.ts'
import type { Plan, WeightWork } from '../plan.ts'
import type { Smoothed } from '../smoothing/with-smoothed.ts'
import { tensorKey } from '../tensor-key.ts'

/** Codes of one weight that were found by what it does to data. */
export interface FittedWeight {
  /** Of the spec and the view of the work. */
  readonly quantized: QuantizedTensor
  /** Sum of (value - decoded)^2 over the elements, and of value^2: with its balance, where it has one. */
  readonly squaredError: number
  readonly energy: number
  readonly solver: FittingId
  /** What was done beside, for the report. */
  readonly corrections: readonly string[]
  /** Put behind the reason of the decision. */
  readonly because: string
}

export interface FitInput {
  /** What the plan is of; its nodes are those of the uses. */
  readonly model: Model
  readonly inventory: Inventory
  readonly plan: Plan
}

export interface FitResult {
  /** Weights that are not here are solved by themselves. */
  readonly fitted: ReadonlyMap<WeightFacts, FittedWeight>
  /** Of those, products that data could have solved, and why it did not: put behind the reason of the decision. */
  readonly refused?: ReadonlyMap<WeightFacts, string>
  /** Integer products: balances of their activations, found on data. */
  readonly smoothed?: ReadonlyMap<WeightFacts, Smoothed>
  readonly notes: readonly string[]
}

/** A stage between the plan and the lowering. */
export type Fit = (input: FitInput) => Promise<FitResult>

/** The plan with codes that are packed as they are, and decisions that say how they were found. Throws E_INTERNAL where they do not suit the work. */
export function withFitted(plan: Plan, { fitted, refused = new Map() }: FitResult): Plan {
  const work = plan.work.map((one): WeightWork => {
    const found = fitted.get(one.weight)
    if (found) checkFitted(one, found.quantized)
    return found ? { ...one, fitted: found } : one
  })
  const keyed = <T>(map: ReadonlyMap<WeightFacts, T>): ReadonlyMap<string, T> =>
    new Map([...map].map(([weight, one]) => [tensorKey(weight.scope, weight.name), one]))
  const [found, without] = [keyed(fitted), keyed(refused)]
  const decisions = plan.decisions.map((decision): Decision => {
    const key = tensorKey(decision.tensor.scope, decision.tensor.name)
    const [one, why] = [found.get(key), without.get(key)]
    if (decision.action !== 'quantize' || (!one && why === undefined)) return decision
    const text = `${decision.because.text}; ${one?.because ?? `solved without data: ${why}`}`
    const because = { ...decision.because, text }
    if (!one) return { ...decision, because }
    return { ...decision, because, solver: one.solver, corrections: [...decision.corrections, ...one.corrections] }
  })
  return { ...plan, work, decisions }
}

function checkFitted({ weight, spec }: WeightWork, { view, codes, scales, zeros, ...own }: QuantizedTensor): void {
  const { grids } = spec.family === 'integer' ? gridShapeOf(spec.granularity, view) : { grids: -1 }
  const asymmetric = spec.family === 'integer' && !spec.symmetric
  const suits =
    own.spec === spec &&
    view === weight.uses[0]?.view &&
    codes.length === viewElementCount(view) &&
    scales.length === grids &&
    (asymmetric ? zeros?.length === grids : zeros === undefined)
  if (!suits) throw new TersorError('E_INTERNAL', 'fitted codes do not suit the plan', { where: weight.name })
}
