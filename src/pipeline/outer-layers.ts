import type { Inventory, WeightFacts } from '../model/inventory.ts'
import { partOf } from './forms.ts'

/** Share of the elements of all linear layers that layers at the ends may hold and still keep more bits. */
const MOST_SHARE = 0.25

/** Layers at the ends of a model that cost little at more bits, smallest first until they would be a quarter of all linear weights. */
export function affordableEnds({ weights }: Inventory): ReadonlySet<WeightFacts> {
  let linear = 0
  for (const weight of weights) if (partOf(weight) === 'linear') linear += weight.elementCount
  const ends = weights.filter(({ outer }) => outer !== undefined)
  const sorted = ends.toSorted((a, b) => a.elementCount - b.elementCount)
  const chosen = new Set<WeightFacts>()
  let taken = 0
  for (const weight of sorted) {
    taken += weight.elementCount
    if (taken > MOST_SHARE * linear) break
    chosen.add(weight)
  }
  return chosen
}
