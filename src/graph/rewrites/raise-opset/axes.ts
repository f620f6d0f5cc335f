import { attributeOf, intsAttribute } from '../../attributes.ts'
import { int64Data, type Rule, withInput, without } from './rule.ts'

/** `axes` became the second input. Lists that were left out, or empty, mean all axes before and after. */
function axesRule(since: number, ops: readonly string[]): Rule {
  return {
    ops,
    since,
    apply(node, context) {
      const attribute = attributeOf(node, 'axes')
      if (attribute === undefined) return [node]
      const attributes = without(node.attributes, 'axes')
      const base = `${node.outputs[0]}/axes`
      if (attribute.kind === 'ref') {
        const made = context.constantFrom(base, 'value_ints', attribute.value)
        return [made.node, { ...node, inputs: withInput(node.inputs, 1, made.name), attributes }]
      }
      const axes = intsAttribute(node, 'axes') ?? []
      if (axes.length === 0) return [{ ...node, attributes }]
      const made = context.constant(base, int64Data(axes))
      return [made.node, { ...node, inputs: withInput(node.inputs, 1, made.name), attributes }]
    },
  }
}

export const axesRules: readonly Rule[] = [
  axesRule(13, ['ReduceSum', 'Squeeze', 'Unsqueeze']),
  axesRule(18, [
    'ReduceL1',
    'ReduceL2',
    'ReduceLogSum',
    'ReduceLogSumExp',
    'ReduceMax',
    'ReduceMean',
    'ReduceMin',
    'ReduceProd',
    'ReduceSumSquare',
  ]),
]
