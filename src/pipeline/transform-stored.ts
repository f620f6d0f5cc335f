import { factorsPay, rowFactors } from '../graph/rewrites/two-sided.ts'
import type { WeightFacts } from '../model/inventory.ts'
import type { Tools } from '../model/tools.ts'
import { scanChannels, scanDepth } from './depth-scan.ts'
import { partOf } from './forms.ts'
import type { WeightWork } from './plan.ts'
import { inverseOf, storable, type Transformed } from './transformed.ts'

/** Larger matrices are taken as they are: looking at all of them would take as long as encoding them. */
const MOST_ELEMENTS = 1 << 20

/** Smaller ones would grow by more than a percent: the factors come with nodes of their own, some 400 bytes. */
const LEAST_ELEMENTS = 1 << 16

/** For matrices stored in 8 bits and expanded when a session is made: a factor for each index of the depth, where that pays. */
export async function transformStored(
  works: readonly WeightWork[],
  tools: Tools,
): Promise<ReadonlyMap<WeightFacts, Transformed>> {
  const found = new Map<WeightFacts, Transformed>()
  for (const { weight, spec, solver } of works) {
    const view = weight.uses[0]?.view
    if (solver === 'nearest' || spec.family !== 'integer' || spec.granularity.kind !== 'channel') continue
    if (view?.stack !== 1 || weight.shape.length !== 2 || partOf(weight) !== 'linear') continue
    if (weight.elementCount > MOST_ELEMENTS || weight.elementCount < LEAST_ELEMENTS) continue
    const factors = rowFactors((await scanDepth(weight, view, tools)).energy)
    if (factors === null) continue
    const plain = await scanChannels(weight, view, () => 1, [], tools)
    const divided = await scanChannels(weight, view, (k) => 1 / (factors[k] as number), [], tools)
    if (!factorsPay(factors, plain.rest, divided.rest)) continue
    const balance = storable(Float32Array.from(factors, (factor) => 1 / factor))
    found.set(weight, { balance, inverse: inverseOf(balance) })
  }
  return found
}
