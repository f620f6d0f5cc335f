import { type Connections, connect, constantTensor, intAttribute, takeInventory } from '../../graph/index.ts'
import { applyFolds, findFold, type InputFold, type ScaledFold } from '../../graph/rewrites/input-scales/index.ts'
import type { Model, TensorRef } from '../../model/graph.ts'
import type { Inventory, WeightFacts } from '../../model/inventory.ts'
import type { Decision } from '../../model/plan.ts'
import type { Plan, WeightWork } from '../plan.ts'
import { readRange, readSmall } from '../tensor-bytes.ts'
import { tensorKey } from '../tensor-key.ts'

export interface Balanced {
  readonly model: Model
  readonly inventory: Inventory
  readonly plan: Plan
}

const FORM = 'matmul-integer-rows'
/** Zeros in the multiplication, or not one for all. */
const APART = 'some products leave out channels of it'
const WIDE: ReadonlySet<string> = new Set(['f32', 'f64'])

/** Integer products by the value they read, of the graph itself; each with one use, as the right operand. */
export function productsByValue(works: readonly WeightWork[]): ReadonlyMap<string, readonly WeightWork[]> {
  const groups = new Map<string, WeightWork[]>()
  for (const work of works) {
    const [use, ...others] = work.weight.uses
    if (work.form !== FORM || use === undefined || others.length > 0 || use.scope.length > 0) continue
    if (use.inputIndex !== 1 || use.view?.stack !== 1 || intAttribute(use.node, 'transA', 0) !== 0) continue
    const value = use.node.inputs[0] ?? ''
    const known = groups.get(value)
    if (known) known.push(work)
    else groups.set(value, [work])
  }
  return groups
}

/**
 * Where the channels of a value can be divided by constants in front of it, because the given products are all that reads it. The reason
 * where they cannot: then the division is a node. Heads that share values would have to share factors, and are left.
 */
export async function foldInFront(
  value: string,
  members: readonly WeightWork[],
  works: ReadonlyMap<string, WeightWork>,
  connections: Connections,
): Promise<InputFold | string> {
  const fold = await findFold(value, connections, readSmall)
  if (typeof fold === 'string') return fold
  if (fold.heads && fold.heads.repeats > 1) return 'heads share the values in front of it'
  const own = new Set(members.map(({ weight }) => weight.name))
  if (fold.products.length !== members.length || fold.products.some(({ matrix }) => !own.has(matrix.definition.name)))
    return 'its input is also read by a product that is not balanced'
  const productNodes = new Set([...works.values()].flatMap(({ weight }) => weight.uses.map(({ node }) => node)))
  for (const { node, constant, matrix } of fold.divided) {
    const tensor = constantTensor(constant) as TensorRef
    if (!WIDE.has(tensor.dtype)) return `what is in front of it is stored as ${tensor.dtype}`
    const isShared = constant.uses.length > 1 || constant.outputOf.length > 0
    if (matrix === undefined && isShared && productNodes.has(node)) return 'others add the bias in front of it'
    const before = works.get(constant.name)
    if (before && !(matrix && takesFactors(before))) return 'the weight in front of it has codes that share a scale'
  }
  return fold
}

/** Whether an output channel of the weight can be multiplied without a change of its codes. */
function takesFactors({ spec, fitted, weight }: WeightWork): boolean {
  if (fitted !== undefined || weight.uses.length !== 1) return false
  return spec.family === 'half' || (spec.granularity.kind !== 'tensor' && weight.uses[0]?.view !== undefined)
}

export const worksByName = (works: readonly WeightWork[]): ReadonlyMap<string, WeightWork> =>
  new Map(works.flatMap((work) => (work.weight.scope.length === 0 ? [[work.weight.name, work] as const] : [])))

/**
 * Balances that cost a multiplication, put into what is in front of the value where the graph allows it exactly: gain and bias of a
 * norm, output channels and bias of a linear layer. The weights behind keep their balance; nothing has to be undone.
 */
export async function foldBalances({ model, inventory, plan }: Balanced): Promise<Balanced> {
  const works = worksByName(plan.work)
  const connections = connect(model)
  const folds: ScaledFold[] = []
  const why = new Map<WeightFacts, string>()
  const folded = new Set<WeightFacts>()
  for (const [value, members] of productsByValue(plan.work)) {
    const [first] = members
    const inverse = first?.inverse
    if (inverse === undefined || inverse.every((one) => one === 1)) continue
    const isOne = members.every((one) => one.inverse && sameValues(one.inverse, inverse))
    const fold = isOne && !inverse.includes(0) ? await foldInFront(value, members, works, connections) : APART
    if (typeof fold === 'string') {
      for (const { weight } of members) why.set(weight, `its input is multiplied when it runs: ${fold}`)
      continue
    }
    // The products have their balance already.
    folds.push({ fold: { ...fold, products: [] }, factors: Float64Array.from(inverse, (one) => 1 / one) })
    for (const { weight } of members) {
      folded.add(weight)
      why.set(weight, `its input is divided by ${fold.into}, which takes no node`)
    }
  }
  const decisions = plan.decisions.map((decision) => explained(decision, why, folded))
  if (folds.length === 0) return { model, inventory, plan: { ...plan, decisions } }

  const changed = applyFolds(model, folds, readRange)
  const again = await takeInventory(changed, readSmall)
  const known = new Map(again.weights.map((weight) => [tensorKey(weight.scope, weight.name), weight]))
  const work = plan.work.map((one): WeightWork => {
    const { weight } = one
    const now = known.get(tensorKey(weight.scope, weight.name)) ?? weight
    // Nodes that multiply weights are the same: groups of uses stay true.
    return { ...(folded.has(weight) ? behind(one) : one), weight: { ...now, uses: weight.uses } }
  })
  return { model: changed, inventory: again, plan: { ...plan, work, decisions } }
}

/** Of a product whose input is divided in front: rows that stay float meet the divided channels, too. */
function behind({ inverse, floatRows, ...work }: WeightWork): WeightWork {
  if (!floatRows || !inverse) return work
  const { indices, values } = floatRows
  const width = values.length / indices.length
  const scaled = values.map((one, i) => one / (inverse[indices[Math.floor(i / width)] as number] as number))
  return { ...work, floatRows: { indices, values: scaled } }
}

function sameValues(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

function explained(
  decision: Decision,
  why: ReadonlyMap<WeightFacts, string>,
  folded: ReadonlySet<WeightFacts>,
): Decision {
  const key = tensorKey(decision.tensor.scope, decision.tensor.name)
  for (const [weight, text] of why) {
    if (decision.action !== 'quantize' || tensorKey(weight.scope, weight.name) !== key) continue
    const bytes = folded.has(weight) ? (weight.uses[0]?.view?.depth ?? 0) * 2 : 0
    const because = { ...decision.because, text: `${decision.because.text}; ${text}` }
    return { ...decision, because, bytesAfter: decision.bytesAfter - bytes }
  }
  return decision
}
