import { operandGroups } from '../../graph/placement/index.ts'
import type { Placement, StaticProduct } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import { elementCountOf } from '../../numbers/dtype.ts'

/** Products at an end of the model that read one grid, and nothing else does. */
export interface End {
  /** Of the grid. */
  readonly group: string
  /** Of the products that read it. */
  readonly labels: readonly string[]
  /** What they take of all multiply-adds, or of all weights if that is more. */
  readonly cost: number
}

/** An end that takes more than this is no longer cheap. */
const MOST_COST = 0.03
const MOST_ENDS = 8

/**
 * Products that no other comes before, or after: the first and the last layers, which are known to suffer most from rounding. Only
 * those that would cost next to nothing in float, cheapest first.
 */
export function endsOf(model: Model, placement: Placement): readonly End[] {
  const { products, points, multiplyAdds } = placement
  if (multiplyAdds === null || multiplyAdds.total === 0) return []
  const groupsOf = operandGroups(points)
  const weights = products.reduce((sum, one) => sum + elementsOf(one), 0)
  const readers = new Map<string, StaticProduct[]>()
  for (const product of products) {
    if (product.form === 'stored') continue
    for (const group of groupsOf(product)) {
      if (group !== undefined) readers.set(group, [...(readers.get(group) ?? []), product])
    }
  }
  const outer = outermost(model, products)
  const ends: End[] = []
  for (const [group, own] of readers) {
    if (!own.every((one) => outer.has(one) && one.form !== 'wide' && one.weight !== null)) continue
    const costs = own.map((one) =>
      Math.max((one.multiplyAdds ?? multiplyAdds.total) / multiplyAdds.total, elementsOf(one) / weights),
    )
    const cost = costs.reduce((sum, one) => sum + one, 0)
    if (cost <= MOST_COST) ends.push({ group, labels: own.map(({ label }) => label), cost })
  }
  return ends.sort((a, b) => a.cost - b.cost || (a.group < b.group ? -1 : 1)).slice(0, MOST_ENDS)
}

function elementsOf({ weight }: StaticProduct): number {
  return weight === null ? 0 : elementCountOf(weight.shape)
}

/** Products with none on any way from the inputs to them, or with none on any way from them to the outputs. */
function outermost({ graph }: Model, products: readonly StaticProduct[]): ReadonlySet<StaticProduct> {
  const byNode = new Map(products.map((one) => [one.node, one]))
  const found = new Set<StaticProduct>()
  const behind = new Set<string>()
  for (const node of graph.nodes) {
    const product = byNode.get(node)
    const isBehind = node.inputs.some((name) => behind.has(name))
    if (product && !isBehind) found.add(product)
    if (product || isBehind) for (const name of node.outputs) behind.add(name)
  }
  const before = new Set<string>()
  for (const node of graph.nodes.toReversed()) {
    const product = byNode.get(node)
    const isBefore = node.outputs.some((name) => before.has(name))
    if (product && !isBefore) found.add(product)
    if (product || isBefore) for (const name of node.inputs) before.add(name)
  }
  return found
}
