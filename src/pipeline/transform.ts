import { connect, constantTensor, leastValue } from '../graph/index.ts'
import { balanceOf, productsOfNorms } from '../graph/rewrites/smooth.ts'
import { scopeKey } from '../graph/walk.ts'
import type { Model, Node, ScopePath } from '../model/graph.ts'
import type { WeightFacts } from '../model/inventory.ts'
import type { Decision } from '../model/plan.ts'
import type { Tools } from '../model/tools.ts'
import { floatsOf } from './floats.ts'
import type { Plan, WeightWork } from './plan.ts'
import { readSmall } from './tensor-bytes.ts'

/** The form whose activations are quantized row by row, and so gain from channels of even size. */
const BALANCED = 'matmul-integer-rows'

/** Fewest elements a read of a weight has: whole rows, about 4 MiB of them. */
const WINDOW = 1 << 20

/**
 * Changes that compute the same function with smaller rounding errors, found without data: channels that leave a norm are balanced
 * against the weights that read them, and activations that are known to be positive, or nearly so, are told to the lowering.
 */
export async function transform(model: Model, plan: Plan, tools: Tools): Promise<Plan> {
  const rows = plan.work.filter((work) => work.form === BALANCED)
  if (rows.length === 0) return plan
  const connections = connect(model)
  const balances = new Map<WeightFacts, Float32Array>()
  const groups = productsOfNorms(
    connections,
    rows.map((work) => work.weight),
  )
  for (const { norm, weights } of groups) {
    tools.signal?.throwIfAborted()
    const depth = weights[0]?.uses[0]?.view?.depth ?? 0
    if (weights.some((weight) => weight.uses[0]?.view?.depth !== depth)) continue
    const vector = async (name: string | null): Promise<Float32Array | null> => {
      const scope = connections.scopes.find((one) => scopeKey(one.path) === scopeKey(norm.scope))
      const found = scope && name !== null ? connections.resolve(scope, name) : undefined
      const tensor = found && constantTensor(found)
      const count = tensor?.shape.reduce((a, b) => a * b, 1)
      return tensor && count === depth ? floatsOf(tensor, 0, depth, tools.kernels) : null
    }
    const energies: Float64Array[] = []
    for (const weight of weights) energies.push(await energyByDepth(weight, tools))
    const balance = balanceOf(depth, await vector(norm.scale), await vector(norm.bias), energies)
    if (balance) for (const weight of weights) balances.set(weight, balance)
  }
  const work: WeightWork[] = []
  for (const one of plan.work) {
    const balance = balances.get(one.weight)
    const least = rows.includes(one)
      ? await leastOf(one, (name, scope) => leastValue(name, scope, connections, readSmall))
      : undefined
    work.push({ ...one, ...(balance ? { balance } : {}), ...(least ? { least } : {}) })
  }
  return { ...plan, work, decisions: plan.decisions.map((decision) => noted(decision, balances)) }
}

async function leastOf(
  work: WeightWork,
  least: (name: string, scope: ScopePath) => Promise<number | null>,
): Promise<ReadonlyMap<Node, number>> {
  const found = new Map<Node, number>()
  for (const use of [...work.groups.values()].flat()) {
    const value = await least(use.node.inputs[0] ?? '', use.scope)
    if (value !== null) found.set(use.node, value)
  }
  return found
}

function noted(decision: Decision, balances: ReadonlyMap<WeightFacts, Float32Array>): Decision {
  if (decision.action !== 'quantize') return decision
  const key = scopeKey(decision.tensor.scope)
  for (const weight of balances.keys()) {
    if (weight.name !== decision.tensor.name || scopeKey(weight.scope) !== key) continue
    return { ...decision, corrections: [...decision.corrections, 'balance'] }
  }
  return decision
}

/** Sum of squares of a matrix for each index of its depth, in f64 and in file order. */
async function energyByDepth(weight: WeightFacts, tools: Tools): Promise<Float64Array> {
  const view = weight.uses[0]?.view
  if (!view) return new Float64Array(0)
  const { depth, channels, along } = view
  const energy = new Float64Array(depth)
  const width = along === 'row' ? depth : channels
  const rows = along === 'row' ? channels : depth
  const step = Math.max(1, Math.floor(WINDOW / Math.max(1, width)))
  for (let row = 0; row < rows; row += step) {
    tools.signal?.throwIfAborted()
    const count = Math.min(step, rows - row)
    const values = await floatsOf(weight.tensor, row * width, count * width, tools.kernels)
    for (let r = 0, i = 0; r < count; r++) {
      for (let c = 0; c < width; c++, i++) {
        const value = values[i] as number
        const at = along === 'row' ? c : row + r
        energy[at] = (energy[at] as number) + value * value
      }
    }
  }
  return energy
}
