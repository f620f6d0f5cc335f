import type { Node } from '../../../model/graph.ts'
import { isStandard, type Scope } from '../../walk.ts'
import type { Facts } from './axis.ts'

const MOST_STEPS = 12

/** One length that is computed from lengths of values: Gather of a Shape, whole parts and multiples of it. */
function lengthOf(facts: Facts, scope: Scope, name: string | undefined, steps = MOST_STEPS): number | null {
  const given = facts.integers(scope, name)
  if (given !== undefined) return given.length === 1 ? (given[0] as number) : null
  const node: Node | null | undefined = name ? facts.connections.resolve(scope, name)?.node : undefined
  if (!node || !isStandard(node) || steps === 0) return null
  const inner = (index: number): number | null => lengthOf(facts, scope, node.inputs[index], steps - 1)
  switch (node.op) {
    case 'Cast':
    case 'Identity':
    case 'Unsqueeze':
    case 'Squeeze':
    case 'Reshape':
    case 'Floor':
      return inner(0)
    case 'Mul':
    case 'Div': {
      const [a, b] = [inner(0), inner(1)]
      if (a === null || b === null) return null
      const result = node.op === 'Mul' ? a * b : a / b
      return Number.isSafeInteger(result) ? result : null
    }
    case 'Gather': {
      const shape: Node | null | undefined = facts.connections.resolve(scope, node.inputs[0] ?? '')?.node
      const index = facts.integers(scope, node.inputs[1])
      if (shape?.op !== 'Shape' || shape.attributes.length > 0 || index?.length !== 1) return null
      return facts.shape(scope, shape.inputs[0] ?? '')?.at(index[0] as number) ?? null
    }
    default:
      return null
  }
}

/** The last lengths that a shape asks for, as far as they are constant; the last one is last. */
function endOfShape(facts: Facts, scope: Scope, name: string | undefined): readonly number[] {
  let at = name
  for (let step = 0; at && step < 6; step++) {
    const values = facts.integers(scope, at)
    if (values !== undefined) return values
    const node: Node | null | undefined = facts.connections.resolve(scope, at)?.node
    if (!node || !isStandard(node)) return []
    if (node.op === 'Concat') {
      const end: number[] = []
      for (const piece of [...node.inputs].reverse()) {
        const one = facts.integers(scope, piece) ? null : lengthOf(facts, scope, piece)
        const integers = facts.integers(scope, piece) ?? (one === null ? undefined : [one])
        if (integers === undefined) break
        end.unshift(...integers)
      }
      return end
    }
    if (node.op !== 'Cast' && node.op !== 'Identity') return []
    at = node.inputs[0]
  }
  return []
}

/** Length of the last axis that a Reshape asks for; null where it depends on others. */
export function lastOfShape(facts: Facts, scope: Scope, name: string | undefined): number | null {
  const last = endOfShape(facts, scope, name).at(-1) ?? 0
  return last > 0 ? last : null
}

/** How many parts a Reshape cuts the last axis into, where it asks for those and leaves their length open. */
export function partsOfShape(facts: Facts, scope: Scope, name: string | undefined): number | null {
  const end = endOfShape(facts, scope, name)
  const parts = end.at(-2) ?? 0
  return end.at(-1) === -1 && parts > 1 && end.slice(0, -2).every((one) => one === 0) ? parts : null
}
