import type { WeightFacts, WeightUse } from '../../model/inventory.ts'
import type { Refusal } from '../../model/packing.ts'
import { intAttribute } from '../attributes.ts'
import { refuseWeight } from './place.ts'

/** What both Gather forms ask for: a Gather of rows (axis 0) with one output and nothing scaling the table on the way. */
export function refuseGatherUse(weight: WeightFacts, use: WeightUse | undefined): Refusal | null {
  const refusal = refuseWeight(weight)
  if (refusal !== null) return refusal
  if (use === undefined) return { code: 'no-use', text: 'this form replaces a node, and none is given' }
  const { node } = use
  if (use.role !== 'gather' || node.op !== 'Gather' || use.inputIndex !== 0) {
    return { code: 'role', text: `the weight is not the table of a Gather but ${use.role} of ${node.op}` }
  }
  if (intAttribute(node, 'axis', 0) !== 0) {
    return { code: 'axis', text: `Gather "${node.name}" takes axis ${intAttribute(node, 'axis', 0)}, not rows` }
  }
  if (use.view === null || use.view.stack !== 1) {
    return { code: 'view', text: `Gather "${node.name}" does not see the table as one matrix of rows` }
  }
  if (use.path.some((step) => step.op === 'Mul')) {
    return { code: 'path', text: `the table is multiplied by a constant before Gather "${node.name}"` }
  }
  if (node.outputs.length !== 1 || node.outputs[0] === '') {
    return { code: 'outputs', text: `Gather "${node.name}" has not exactly one output` }
  }
  return null
}
