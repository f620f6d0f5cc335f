import { TersorError } from '../../errors.ts'
import type { Model } from '../../model/graph.ts'
import type { Inventory, WeightFacts } from '../../model/inventory.ts'
import type { LowRank } from '../../model/low-rank.ts'
import type { Decision } from '../../model/plan.ts'
import type { FittingId, QuantizedTensor, SolverId } from '../../model/scheme.ts'
import { gridShapeOf, viewElementCount } from '../../numbers/grid-shape.ts'
import { lowRankBytes } from '../low-rank/correction-bytes.ts'
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
  readonly solver: FittingId | SolverId
  /** What was done beside, for the report. */
  readonly corrections: readonly string[]
  /** Put behind the reason of the decision. */
  readonly because: string
  /** Added to what the codes stand for. */
  readonly lowRank?: LowRank
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
  /** Put behind the reasons of decisions as they are. */
  readonly remarks?: ReadonlyMap<WeightFacts, string>
  readonly notes: readonly string[]
}

/** A stage between the plan and the lowering. */
export type Fit = (input: FitInput) => Promise<FitResult>

/** The plan with codes that are packed as they are, and decisions that say how they were found. Throws E_INTERNAL where they do not suit the work. */
export function withFitted(plan: Plan, { fitted, refused = new Map(), remarks = new Map() }: FitResult): Plan {
  const work = plan.work.map((one): WeightWork => {
    const found = fitted.get(one.weight)
    if (found) checkFitted(one, found.quantized)
    return found ? { ...one, fitted: found } : one
  })
  const keyed = <T>(map: ReadonlyMap<WeightFacts, T>): ReadonlyMap<string, T> =>
    new Map([...map].map(([weight, one]) => [tensorKey(weight.scope, weight.name), one]))
  const [found, without, remarked] = [keyed(fitted), keyed(refused), keyed(remarks)]
  const decisions = plan.decisions.map((decision): Decision => {
    const key = tensorKey(decision.tensor.scope, decision.tensor.name)
    const [one, why, remark] = [found.get(key), without.get(key), remarked.get(key)]
    if (decision.action !== 'quantize' || (!one && why === undefined && remark === undefined)) return decision
    const texts = [decision.because.text, one?.because ?? (why && `solved without data: ${why}`), remark]
    const because = { ...decision.because, text: texts.filter((text) => text !== undefined).join('; ') }
    if (!one) return { ...decision, because }
    const corrections = [...decision.corrections, ...one.corrections]
    const bytesAfter = decision.bytesAfter + (one.lowRank ? lowRankBytes(one.lowRank) : 0)
    return { ...decision, because, solver: one.solver, corrections, bytesAfter }
  })
  return { ...plan, work, decisions }
}

function checkFitted({ weight, spec }: WeightWork, { view, codes, scales, zeros, ...own }: QuantizedTensor): void {
  const { grids } = spec.family === 'half' ? { grids: -1 } : gridShapeOf(spec.granularity, view)
  const asymmetric = spec.family !== 'half' && !spec.symmetric
  const suits =
    own.spec === spec &&
    view === weight.uses[0]?.view &&
    codes.length === viewElementCount(view) &&
    scales.length === grids &&
    (asymmetric ? zeros?.length === grids : zeros === undefined)
  if (!suits) throw new TersorError('E_INTERNAL', 'fitted codes do not suit the plan', { where: weight.name })
}
