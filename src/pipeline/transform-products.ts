import { type Connections, connect, constantTensor, leastValue } from '../graph/index.ts'
import { areNoneWorthKeeping, largestRows, rowsWorthKeeping } from '../graph/rewrites/outlier-rows.ts'
import { balanceOf, type NormProducts, productsOfNorms } from '../graph/rewrites/smooth.ts'
import { scopeKey } from '../graph/walk.ts'
import type { Model, Node } from '../model/graph.ts'
import type { WeightFacts } from '../model/inventory.ts'
import type { MatrixView } from '../model/scheme.ts'
import type { Tools } from '../model/tools.ts'
import { type DepthFacts, rowsAt, type Sides, scanChannels, scanDepth, scanSides } from './depth-scan.ts'
import { floatsOf } from './floats.ts'
import type { WeightWork } from './plan.ts'
import { readSmall } from './tensor-bytes.ts'
import { inverseOf, storable, type Transformed } from './transformed.ts'

/**
 * For integer products whose activations are quantized row by row: channels that leave a norm are balanced against the weights
 * that read them, rows of weights that dwarf the others stay float, and activations that are known to be positive, or
 * nearly so, are told to the lowering.
 */
export async function transformProducts(
  model: Model,
  works: readonly WeightWork[],
  tools: Tools,
): Promise<ReadonlyMap<WeightFacts, Transformed>> {
  const connections = connect(model)
  const facts = new Map<WeightFacts, DepthFacts>()
  const sides = new Map<WeightFacts, Sides>()
  const searched = works.flatMap(({ weight, solver }) => (weight.uses[0]?.view && solver !== 'nearest' ? [weight] : []))
  const behindNorms = new Set(productsOfNorms(connections, searched).flatMap(({ weights }) => weights))
  for (const weight of searched) {
    const view = weight.uses[0]?.view as MatrixView
    // A weight that is not finite is taken as it is: producing it names the element.
    if (behindNorms.has(weight)) {
      const known = await scanDepth(weight, view, tools)
      if (known.energy.every(Number.isFinite)) facts.set(weight, known)
    } else {
      const known = await scanSides(weight, view, tools)
      if (known) sides.set(weight, known)
    }
  }
  const balances = new Map<WeightFacts, Float32Array>()
  for (const group of productsOfNorms(connections, [...facts.keys()])) {
    const wanted = await balanceBehind(group, facts, connections, tools)
    const balance = wanted && storable(wanted)
    if (balance) for (const weight of group.weights) balances.set(weight, balance)
  }
  const readers = new Map<string, number>()
  for (const work of works) for (const key of activations(work)) readers.set(key, (readers.get(key) ?? 0) + 1)

  const found = new Map<WeightFacts, Transformed>()
  for (const work of works) {
    const { weight } = work
    const alone = activations(work).every((key) => readers.get(key) === 1)
    const balance = balances.get(weight)
    const largest = facts.get(weight)?.largest ?? (await largestUnlessEven(weight, sides.get(weight), tools))
    const split = largest ? await outliers(weight, largest, balance, alone, tools) : {}
    const bounded = balance ? new Map<Node, number>() : await leastOf(work, connections)
    found.set(weight, {
      ...(balance ? { balance, inverse: inverseOf(balance) } : {}),
      ...split,
      ...(bounded.size > 0 ? { least: bounded } : {}),
    })
  }
  return found
}

async function balanceBehind(
  { norm, weights }: NormProducts,
  facts: ReadonlyMap<WeightFacts, DepthFacts>,
  connections: Connections,
  tools: Tools,
): Promise<Float32Array | null> {
  const depth = weights[0]?.uses[0]?.view?.depth ?? 0
  if (weights.some((weight) => weight.uses[0]?.view?.depth !== depth)) return null
  const scope = connections.scopes.find((one) => scopeKey(one.path) === scopeKey(norm.scope))
  const vector = async (name: string | null): Promise<Float32Array | null> => {
    const definition = scope && name !== null ? connections.resolve(scope, name) : undefined
    const tensor = definition && constantTensor(definition)
    const count = tensor?.shape.reduce((a, b) => a * b, 1)
    return tensor && count === depth ? floatsOf(tensor, 0, depth, tools.kernels) : null
  }
  const energies = weights.map((weight) => (facts.get(weight) as DepthFacts).energy)
  return balanceOf(depth, await vector(norm.scale), await vector(norm.bias), energies)
}

/** Largest magnitudes along the depth; undefined where they are not known, or a look at the largest rows says that none can stand out. */
async function largestUnlessEven(
  weight: WeightFacts,
  sides: Sides | undefined,
  tools: Tools,
): Promise<Float64Array | undefined> {
  if (!sides) return undefined
  const view = weight.uses[0]?.view as MatrixView
  const candidates = largestRows(sides.depth)
  const values = await rowsAt(weight, view, candidates, tools)
  const rows = candidates.map((_, i) => values.subarray(i * view.channels, (i + 1) * view.channels))
  return areNoneWorthKeeping(sides.channels, rows) ? undefined : sides.depth
}

/**
 * Rows that stay float. Where nothing else reads the activation in codes, their channels are also left out of it, so that
 * they do not set the scales of its rows either.
 */
async function outliers(
  weight: WeightFacts,
  largest: Float64Array,
  balance: Float32Array | undefined,
  alone: boolean,
  tools: Tools,
): Promise<Transformed> {
  const view = weight.uses[0]?.view as MatrixView
  const factor = (k: number): number => balance?.[k] ?? 1
  const candidates = largestRows(largest.map((value, k) => value * factor(k)))
  const { rest, rows } = await scanChannels(weight, view, factor, candidates, tools)
  const indices = candidates.slice(0, rowsWorthKeeping(view.depth, rest, rows))
  if (indices.length === 0) return {}
  const kept = Float32Array.from({ length: view.depth }, (_, k) => factor(k))
  const inverse = inverseOf(kept)
  for (const k of indices) {
    kept[k] = 0
    if (alone) inverse[k] = 0
  }
  const values = await rowsAt(weight, view, indices, tools)
  return { balance: kept, floatRows: { indices, values }, ...(balance || alone ? { inverse } : {}) }
}

function activations(work: WeightWork): readonly string[] {
  return [...work.groups.values()].flat().map((use) => JSON.stringify([use.scope, use.node.inputs[0]]))
}

async function leastOf(work: WeightWork, connections: Connections): Promise<ReadonlyMap<Node, number>> {
  const bounds = new Map<Node, number>()
  for (const use of [...work.groups.values()].flat()) {
    const value = await leastValue(use.node.inputs[0] ?? '', use.scope, connections, readSmall)
    if (value !== null) bounds.set(use.node, value)
  }
  return bounds
}
