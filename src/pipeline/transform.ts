import type { Model } from '../model/graph.ts'
import type { WeightFacts } from '../model/inventory.ts'
import type { Decision } from '../model/plan.ts'
import type { Tools } from '../model/tools.ts'
import type { Plan } from './plan.ts'
import { tensorKey } from './tensor-key.ts'
import type { Transformed } from './transformed.ts'

/**
 * Changes that compute the same function with smaller rounding errors, found without data, by form. Weights to be rounded to
 * nearest are taken as they are, for speed.
 */
export async function transform(model: Model, plan: Plan, tools: Tools): Promise<Plan> {
  const of = (form: string) => plan.work.filter((work) => work.form === form)
  const products = of('matmul-integer-rows')
  const stored = of('expand').filter(({ solver }) => solver !== 'nearest')
  const found = new Map<WeightFacts, Transformed>([
    ...(products.length > 0
      ? await (await import('./transform-products.ts')).transformProducts(model, products, tools)
      : []),
    ...(stored.length > 0 ? await (await import('./transform-stored.ts')).transformStored(stored, tools) : []),
  ])
  if (found.size === 0) return plan
  const work = plan.work.map((one) => ({ ...one, ...found.get(one.weight) }))
  return { ...plan, work, decisions: noted(plan.decisions, found) }
}

function noted(decisions: readonly Decision[], found: ReadonlyMap<WeightFacts, Transformed>): readonly Decision[] {
  const changes = new Map([...found].map(([weight, one]) => [tensorKey(weight.scope, weight.name), one]))
  return decisions.map((decision) => {
    const one = changes.get(tensorKey(decision.tensor.scope, decision.tensor.name))
    if (decision.action !== 'quantize' || !one) return decision
    const { inverse, floatRows } = one
    const extra =
      (inverse ? inverse.length * 2 : 0) + (floatRows ? floatRows.values.byteLength + floatRows.indices.length * 8 : 0)
    const corrections = [...decision.corrections]
    if (inverse?.some((value) => value !== 0 && value !== 1)) corrections.push('balance')
    if (floatRows) corrections.push(`${floatRows.indices.length} float rows`)
    return { ...decision, bytesAfter: decision.bytesAfter + extra, corrections }
  })
}
