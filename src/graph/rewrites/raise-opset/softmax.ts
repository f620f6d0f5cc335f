import { intAttribute } from '../../attributes.ts'
import { hasReference, intAttr, newNode, type Rule, refuse, without } from './rule.ts'

/**
 * Before 13 everything from `axis` on was one axis; since then `axis` is one axis and its default the last.
 * On the last axis both are the same. Elsewhere, or where the rank is unknown, the value is flattened around the operator.
 */
const softmax: Rule = {
  ops: ['Softmax', 'LogSoftmax', 'Hardmax'],
  since: 13,
  apply(node, context) {
    if (hasReference(node, 'axis')) return refuse(node, 'takes its axis from an attribute of its function')
    const axis = intAttribute(node, 'axis', 1)
    const input = node.inputs[0] ?? ''
    const output = node.outputs[0] ?? ''
    const rank = context.rank(input)
    const attributes = [...without(node.attributes, 'axis'), intAttr('axis', -1)]
    if (axis === -1 || axis + 1 === rank) return [{ ...node, attributes }]
    const [shape, flat, done] = ['shape', 'flat', 'done'].map((part) => context.fresh(`${output}/${part}`))
    // Zero is a size here, not "as before"; Reshape says so from 14 on.
    const allowZero = context.to >= 14 ? [intAttr('allowzero', 1)] : []
    return [
      newNode('Shape', [input], [shape!]),
      newNode('Flatten', [input], [flat!], [intAttr('axis', axis)]),
      { ...node, inputs: [flat!], outputs: [done!], attributes },
      newNode('Reshape', [done!, shape!], [output], allowZero),
    ]
  },
}

export const softmaxRules: readonly Rule[] = [softmax]
