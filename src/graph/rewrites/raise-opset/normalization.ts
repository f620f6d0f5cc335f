import { attributeOf, intAttribute } from '../../attributes.ts'
import { hasReference, int64Data, intAttr, newNode, type Rule, refuse, without } from './rule.ts'

/** `spatial` went away, and with it statistics per element. */
const spatial: Rule = {
  ops: ['BatchNormalization'],
  since: 9,
  apply(node) {
    if (attributeOf(node, 'spatial') === undefined) return [node]
    if (intAttribute(node, 'spatial', 0) !== 1)
      return refuse(node, 'normalizes per element (spatial = 0), which later opsets cannot')
    return [{ ...node, attributes: without(node.attributes, 'spatial') }]
  },
}

/** Further outputs meant training; they became three, asked for by an attribute. */
const training: Rule = {
  ops: ['BatchNormalization'],
  since: 14,
  apply(node, context) {
    const further = node.outputs.slice(1).filter((name) => name !== '')
    if (further.length === 0) return [node]
    if (further.some((name) => context.isUsed(name))) return refuse(node, 'gives out statistics of training')
    return [{ ...node, outputs: node.outputs.slice(0, 1) }]
  },
}

/** Scale and bias became one per channel instead of one per group: each is repeated over the channels of its group. */
const groups: Rule = {
  ops: ['GroupNormalization'],
  since: 21,
  apply(node, context) {
    if (hasReference(node, 'num_groups')) return refuse(node, 'takes num_groups from an attribute of its function')
    const count = intAttribute(node, 'num_groups', 1)
    const output = node.outputs[0] ?? ''
    const [x = '', scale = '', bias = ''] = node.inputs
    const name = (part: string): string => context.fresh(`${output}/${part}`)
    const groupCount = context.constant(`${output}/groups`, int64Data([count]))
    const column = context.constant(`${output}/column`, int64Data([count, 1]))
    const flat = context.constant(`${output}/flat`, int64Data([-1]))
    const [channels, each, target] = [name('channels'), name('each'), name('target')]
    const nodes = [
      groupCount.node,
      column.node,
      flat.node,
      newNode('Shape', [x], [channels], [intAttr('start', 1), intAttr('end', 2)]),
      newNode('Div', [channels, groupCount.name], [each]),
      newNode('Concat', [groupCount.name, each], [target], [intAttr('axis', 0)]),
    ]
    const perChannel = [scale, bias].map((parameter) => {
      const [standing, repeated, result] = [name('standing'), name('repeated'), name('per-channel')]
      nodes.push(
        newNode('Reshape', [parameter, column.name], [standing]),
        newNode('Expand', [standing, target], [repeated]),
        newNode('Reshape', [repeated, flat.name], [result]),
      )
      return result
    })
    return [...nodes, { ...node, inputs: [x, ...perChannel] }]
  },
}

export const normalizationRules: readonly Rule[] = [spatial, training, groups]
