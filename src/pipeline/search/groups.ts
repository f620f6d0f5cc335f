import type { Inventory, WeightFacts } from '../../model/inventory.ts'
import { labelsOf } from '../labels.ts'
import type { Plan } from '../plan.ts'
import { tensorKey } from '../tensor-key.ts'

/** Weights that get the same scheme: projections of one activation, and weights of the same name in several bodies. */
export interface Group {
  readonly label: string
  readonly weights: readonly WeightFacts[]
}

/** The weights that a plan quantizes, in groups that are decided together, in the order of the graph. */
export function groupsOf(inventory: Inventory, base: Plan): readonly Group[] {
  const planned = new Set(base.work.map(({ weight }) => tensorKey(weight.scope, weight.name)))
  const groups: WeightFacts[][] = []
  const byKey = new Map<string, WeightFacts[]>()
  for (const weight of inventory.weights) {
    if (!planned.has(tensorKey(weight.scope, weight.name))) continue
    const keys = keysOf(weight)
    const known = [...new Set(keys.flatMap((key) => byKey.get(key) ?? []).flatMap((one) => groupWith(groups, one)))]
    const [first, ...rest] = known
    const home = first ?? []
    if (first === undefined) groups.push(home)
    for (const other of rest) {
      home.push(...other)
      groups.splice(groups.indexOf(other), 1)
    }
    home.push(weight)
    for (const key of keys) byKey.set(key, [...(byKey.get(key) ?? []), weight])
  }
  return groups.map((weights) => ({ label: labelOfGroup(weights), weights }))
}

function groupWith(groups: readonly WeightFacts[][], weight: WeightFacts): WeightFacts[][] {
  return groups.filter((group) => group.includes(weight))
}

/** What a weight shares with those it is decided with. */
function keysOf(weight: WeightFacts): readonly string[] {
  const activations = weight.uses.flatMap(({ role, scope, node, inputIndex }) =>
    (role === 'matmul' || role === 'gemm') && inputIndex === 1
      ? [JSON.stringify(['reads', scope, node.inputs[0] ?? ''])]
      : [],
  )
  return [JSON.stringify(['name', weight.name]), ...activations]
}

function labelOfGroup(weights: readonly WeightFacts[]): string {
  const first = weights[0] as WeightFacts
  const own = /^(onnx::|_v_|val_|t?\d)/.test(first.name) ? (labelsOf(first)[0] ?? first.name) : first.name
  return weights.length === 1 ? own : `${own} and ${weights.length - 1} more`
}
