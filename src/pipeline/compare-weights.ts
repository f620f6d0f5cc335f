import { decibels } from '../evaluation/decibels.ts'
import { codesOf, type LiftedModel, type Recipe, stored, transposed } from '../graph/liftings/index.ts'
import type { WeightDifference } from '../model/compare-report.ts'
import type { Inventory, WeightFacts } from '../model/inventory.ts'
import type { Tools } from '../model/tools.ts'
import { storedBytes } from './dequantize-report.ts'
import { openValues } from './dequantize-values.ts'
import { tensorKey } from './tensor-key.ts'

/** Elements compared at once: 4 MiB of floats of each side. */
const WINDOW = 1 << 20

const FLOATS = new Set(['f32', 'f16', 'bf16', 'f64'])

/** A model as floats with its constants. */
export interface Side {
  readonly lifted: LiftedModel
  readonly inventory: Inventory
}

export interface WeightComparison {
  /** Worst first; equal ones last. */
  readonly differences: readonly WeightDifference[]
  /** Float weights of A without a weight of the same name and shape in B. */
  readonly unmatched: readonly string[]
}

interface SideWeight {
  readonly weight: WeightFacts
  readonly recipe: Recipe
  readonly bytes: number
}

/** Weights of both sides under one name, decoded window by window, one tensor at a time. */
export async function compareWeights(a: Side, b: Side, tools: Tools): Promise<WeightComparison> {
  const others = weightsOf(b)
  const differences: WeightDifference[] = []
  const unmatched: string[] = []
  const mine = [...weightsOf(a)]
  for (const [index, [name, left]] of mine.entries()) {
    tools.signal?.throwIfAborted()
    tools.notify({ phase: 'weights', done: index, total: mine.length, note: name })
    const right = others.get(name)
    const seen = right && sameOrder(left.recipe, right.recipe)
    if (right === undefined || seen === undefined) {
      unmatched.push(name)
      continue
    }
    const { energy, error, maxAbs } = await difference(left.recipe, seen)
    differences.push({
      tensor: name,
      op: left.weight.uses[0]?.node.op ?? '',
      bytesA: left.bytes,
      bytesB: right.bytes,
      ...(error > 0 ? { sqnrDb: decibels(energy, error) } : {}),
      maxAbs,
    })
  }
  const rank = ({ sqnrDb }: WeightDifference): number => sqnrDb ?? Number.POSITIVE_INFINITY
  differences.sort((x, y) => (rank(x) === rank(y) ? (x.tensor < y.tensor ? -1 : 1) : rank(x) - rank(y)))
  return { differences, unmatched }
}

/** Float constants that something uses, by name; of two with one name in different bodies the first counts. */
function weightsOf({ lifted, inventory }: Side): Map<string, SideWeight> {
  const decoded = new Map(lifted.tensors.map((tensor) => [tensorKey(tensor.scope, tensor.name), tensor]))
  const weights = new Map<string, SideWeight>()
  for (const weight of inventory.weights) {
    if (!FLOATS.has(weight.dtype) || weight.uses.length === 0 || weight.tensor.storage.kind === 'opaque') continue
    if (weights.has(weight.name)) continue
    const tensor = decoded.get(tensorKey(weight.scope, weight.name))
    const recipe = tensor?.recipe ?? stored(weight.tensor)
    weights.set(weight.name, {
      weight,
      recipe,
      bytes: tensor ? storedBytes(tensor) : codesOf(recipe).storage.byteLength,
    })
  }
  return weights
}

/** B's values in A's order: as they are, or transposed where a matrix is stored the other way round. */
function sameOrder(a: Recipe, b: Recipe): Recipe | undefined {
  if (a.shape.length === b.shape.length && a.shape.every((size, axis) => size === b.shape[axis])) return b
  const [rows, columns] = a.shape
  const flipped = a.shape.length === 2 && b.shape.length === 2 && b.shape[0] === columns && b.shape[1] === rows
  return flipped ? transposed(b, [1, 0]) : undefined
}

async function difference(a: Recipe, b: Recipe): Promise<{ energy: number; error: number; maxAbs: number }> {
  const [left, right] = [await openValues(a), await openValues(b)]
  let [energy, error, maxAbs] = [0, 0, 0]
  const size = Math.min(WINDOW, left.count)
  const [x, y] = [new Float32Array(size), new Float32Array(size)]
  for (let start = 0; start < left.count; start += size) {
    const length = Math.min(size, left.count - start)
    const [p, q] = [x.subarray(0, length), y.subarray(0, length)]
    left.fill(p, start)
    right.fill(q, start)
    for (let at = 0; at < length; at++) {
      const value = p[at] as number
      const away = value - (q[at] as number)
      // Equal infinities and NaN of both sides are no difference.
      if (Number.isFinite(away)) error += away * away
      else if (!Object.is(value, q[at])) error = Number.POSITIVE_INFINITY
      if (Number.isFinite(value)) energy += value * value
      if (Math.abs(away) > maxAbs) maxAbs = Math.abs(away)
    }
  }
  return { energy, error, maxAbs: Number.isFinite(maxAbs) ? maxAbs : Number.MAX_VALUE }
}
