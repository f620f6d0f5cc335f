import type { WeightFacts } from '../../model/inventory.ts'
import type { Decision } from '../../model/plan.ts'
import type { Plan, WeightWork } from '../plan.ts'
import { tensorKey } from '../tensor-key.ts'
import type { Transformed } from '../transformed.ts'

/** A balance that was found on data, and why. */
export type Smoothed = Transformed & { readonly because: string }

/** The plan with balances found on data in the place of those found without. */
export function withSmoothed(plan: Plan, smoothed: ReadonlyMap<WeightFacts, Smoothed> = new Map()): Plan {
  if (smoothed.size === 0) return plan
  const before = new Map(plan.work.map((work) => [tensorKey(work.weight.scope, work.weight.name), work]))
  const work = plan.work.map((one): WeightWork => {
    const found = smoothed.get(one.weight)
    if (found === undefined) return one
    const { balance: _balance, inverse: _inverse, floatRows: _floatRows, least: _least, ...plain } = one
    const { because: _because, ...transformed } = found
    return { ...plain, ...transformed }
  })
  const found = new Map([...smoothed].map(([weight, one]) => [tensorKey(weight.scope, weight.name), one]))
  const decisions = plan.decisions.map((decision): Decision => {
    const key = tensorKey(decision.tensor.scope, decision.tensor.name)
    const one = found.get(key)
    if (decision.action !== 'quantize' || one === undefined) return decision
    const corrections = decision.corrections.filter((text) => text !== 'balance' && !text.endsWith(' float rows'))
    return {
      ...decision,
      because: { ...decision.because, text: `${decision.because.text}; ${one.because}` },
      corrections: [...corrections, 'smooth'],
      bytesAfter: decision.bytesAfter - extraBytes(before.get(key)) + extraBytes(one),
    }
  })
  return { ...plan, work, decisions }
}

function extraBytes({ inverse, floatRows }: Pick<WeightWork, 'inverse' | 'floatRows'> = {}): number {
  const rows = floatRows === undefined ? 0 : floatRows.values.byteLength + floatRows.indices.length * 8
  return (inverse === undefined ? 0 : inverse.length * 2) + rows
}
