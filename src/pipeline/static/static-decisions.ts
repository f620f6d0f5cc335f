import type { Inventory, WeightFacts } from '../../model/inventory.ts'
import type { DecisionFact } from '../../model/report.ts'
import { labelOf } from './kept-labels.ts'

/**
 * One decision for every tensor of the given file: what became codes of products, what the plan made of the others, and where those went
 * that are not there any more. Tensors that came with the codes (scales, zeros, the codes themselves) are part of their weight's.
 */
export function staticDecisions(
  given: Inventory,
  fixed: readonly DecisionFact[],
  planned: readonly DecisionFact[],
): readonly DecisionFact[] {
  const names = new Set(given.weights.map(({ name }) => name))
  const made = new Set(fixed.map(({ tensor }) => tensor))
  const own = planned.filter(({ tensor, action }) => !made.has(tensor) && (names.has(tensor) || action !== 'keep'))
  const covered = new Set([...made, ...own.map(({ tensor }) => tensor)])
  return [...fixed, ...own, ...given.weights.filter(({ name }) => !covered.has(name)).map(gone)]
}

function gone({ name, uses, shape, byteLength }: WeightFacts): DecisionFact {
  const isBias = uses.length > 0 && uses.every(({ role }) => role === 'bias')
  return {
    tensor: name,
    consumers: [...new Set(uses.map(({ node }) => labelOf(node)))],
    op: uses[0]?.node.op ?? '',
    action: 'keep',
    because: isBias
      ? { code: 'bias', text: 'added to the sums of its layer, as int32 codes where these are codes' }
      : { code: 'folded', text: 'made part of other tensors before ranges were looked at' },
    shape,
    bytesBefore: byteLength,
    bytesAfter: isBias ? byteLength : 0,
  }
}
