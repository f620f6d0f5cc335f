import type { Inventory, WeightFacts, WeightUse } from '../model/inventory.ts'
import { partOf } from './forms.ts'

/** Of the shorter side of the matrix beside them: a rank above is no small correction. */
const LARGEST_RANK = 1 / 4

/**
 * Pairs of thin matrices beside a full one (LoRA and its kin): x A B is added to x W, W as large as the product of A and B. What they
 * correct would drown in the error of few bits, and they are a small part of the bytes.
 */
export function adaptersOf({ weights }: Inventory): ReadonlySet<WeightFacts> {
  const found = new Set<WeightFacts>()
  const uses = weights.flatMap((weight) =>
    partOf(weight) === 'linear' ? weight.uses.map((use) => ({ weight, use })) : [],
  )
  const made = new Map<string, (typeof uses)[number]>()
  const reading = new Map<string, (typeof uses)[number][]>()
  for (const one of uses) {
    const output = one.use.node.outputs[0]
    if (output) made.set(keyOf(one.use, output), one)
    const input = keyOf(one.use, one.use.node.inputs[0] ?? '')
    reading.set(input, [...(reading.get(input) ?? []), one])
  }
  for (const up of uses) {
    const input = up.use.node.inputs[0] ?? ''
    const down = made.get(keyOf(up.use, input))
    if (down?.use.view == null || up.use.view === null) continue
    const [depth, rank, channels] = [down.use.view.depth, up.use.view.depth, up.use.view.channels]
    if (down.use.view.channels !== rank || rank > LARGEST_RANK * Math.min(depth, channels)) continue
    const beside = reading.get(keyOf(down.use, down.use.node.inputs[0] ?? '')) ?? []
    const full = beside.some(({ use: { view } }) => view !== null && view.depth === depth && view.channels === channels)
    if (full) found.add(down.weight).add(up.weight)
  }
  return found
}

function keyOf({ scope }: WeightUse, name: string): string {
  return JSON.stringify([...scope, name])
}
