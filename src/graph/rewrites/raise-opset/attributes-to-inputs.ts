import type { Node } from '../../../model/graph.ts'
import { attributeOf, floatAttribute, intAttribute, intsAttribute } from '../../attributes.ts'
import {
  float32Data,
  hasReference,
  int64Data,
  intAttr,
  type Rule,
  refuse,
  scalarLike,
  withInput,
  without,
} from './rule.ts'

/** Raw integers, so that bounds beyond the safe range (the usual "to the end") stay what they are. */
function wideInts(node: Node, name: string): readonly (number | bigint)[] | undefined {
  const attribute = attributeOf(node, name)
  return attribute?.kind === 'ints' ? attribute.value : undefined
}

const slice: Rule = {
  ops: ['Slice'],
  since: 10,
  apply(node, context) {
    const nodes: Node[] = []
    let inputs = node.inputs
    for (const [index, name] of ['starts', 'ends', 'axes'].entries()) {
      const base = `${node.outputs[0]}/${name}`
      const attribute = attributeOf(node, name)
      if (attribute === undefined && name === 'axes') continue
      const values = wideInts(node, name)
      if (values === undefined && attribute?.kind !== 'ref') return refuse(node, `has no ${name}`)
      const made =
        attribute?.kind === 'ref'
          ? context.constantFrom(base, 'value_ints', attribute.value)
          : context.constant(base, int64Data(values ?? []))
      nodes.push(made.node)
      inputs = withInput(inputs, index + 1, made.name)
    }
    return [...nodes, { ...node, inputs, attributes: without(node.attributes, 'starts', 'ends', 'axes') }]
  },
}

const topK: Rule = {
  ops: ['TopK'],
  since: 10,
  apply(node, context) {
    if (hasReference(node, 'k')) return refuse(node, 'takes k from an attribute of its function')
    const made = context.constant(`${node.outputs[0]}/k`, int64Data([intAttribute(node, 'k', 0)]))
    return [
      made.node,
      { ...node, inputs: withInput(node.inputs, 1, made.name), attributes: without(node.attributes, 'k') },
    ]
  },
}

/** Bounds became optional inputs of the type of the data. */
const clip: Rule = {
  ops: ['Clip'],
  since: 11,
  apply(node, context) {
    const nodes: Node[] = []
    let inputs = node.inputs
    for (const [index, name] of ['min', 'max'].entries()) {
      const attribute = attributeOf(node, name)
      if (attribute === undefined) continue
      const value = attribute.kind === 'ref' ? { reference: attribute.value } : floatAttribute(node, name, 0)
      const made = scalarLike(`${node.outputs[0]}/${name}`, value, node.inputs[0] ?? '', context)
      if (made === null) return refuse(node, 'has bounds whose type cannot be told')
      nodes.push(...made.nodes)
      inputs = withInput(inputs, index + 1, made.name)
    }
    return [...nodes, { ...node, inputs, attributes: without(node.attributes, 'min', 'max') }]
  },
}

const pad: Rule = {
  ops: ['Pad'],
  since: 11,
  apply(node, context) {
    const attribute = attributeOf(node, 'pads')
    const values = wideInts(node, 'pads')
    if (attribute?.kind !== 'ref' && values === undefined) return refuse(node, 'has no pads')
    const pads =
      attribute?.kind === 'ref'
        ? context.constantFrom(`${node.outputs[0]}/pads`, 'value_ints', attribute.value)
        : context.constant(`${node.outputs[0]}/pads`, int64Data(values ?? []))
    const nodes: Node[] = [pads.node]
    let inputs = withInput(node.inputs, 1, pads.name)
    const fill = attributeOf(node, 'value')
    const value = fill?.kind === 'ref' ? { reference: fill.value } : floatAttribute(node, 'value', 0)
    // Zero is what a missing input means, in any type.
    if (value !== 0) {
      const made = scalarLike(`${node.outputs[0]}/value`, value, node.inputs[0] ?? '', context)
      if (made === null) return refuse(node, 'fills with a value whose type cannot be told')
      nodes.push(...made.nodes)
      inputs = withInput(inputs, 2, made.name)
    }
    return [...nodes, { ...node, inputs, attributes: without(node.attributes, 'pads', 'value') }]
  },
}

/** The mask became boolean. */
const dropoutMask: Rule = {
  ops: ['Dropout'],
  since: 10,
  apply(node, context) {
    const mask = node.outputs[1] ?? ''
    return mask !== '' && context.isUsed(mask) ? refuse(node, 'gives out a mask of floats') : [node]
  },
}

const dropoutRatio: Rule = {
  ops: ['Dropout'],
  since: 12,
  apply(node, context) {
    const attribute = attributeOf(node, 'ratio')
    if (attribute === undefined) return [node]
    const base = `${node.outputs[0]}/ratio`
    const made =
      attribute.kind === 'ref'
        ? context.constantFrom(base, 'value_float', attribute.value)
        : context.constant(base, float32Data([floatAttribute(node, 'ratio', 0.5)], []))
    return [
      made.node,
      { ...node, inputs: withInput(node.inputs, 1, made.name), attributes: without(node.attributes, 'ratio') },
    ]
  },
}

const splitSizes: Rule = {
  ops: ['Split'],
  since: 13,
  apply(node, context) {
    const attribute = attributeOf(node, 'split')
    if (attribute === undefined) return [node]
    const base = `${node.outputs[0]}/split`
    const made =
      attribute.kind === 'ref'
        ? context.constantFrom(base, 'value_ints', attribute.value)
        : context.constant(base, int64Data(intsAttribute(node, 'split') ?? []))
    return [
      made.node,
      { ...node, inputs: withInput(node.inputs, 1, made.name), attributes: without(node.attributes, 'split') },
    ]
  },
}

/** Equal parts are asked for by their number. */
const splitCount: Rule = {
  ops: ['Split'],
  since: 18,
  apply(node) {
    if ((node.inputs[1] ?? '') !== '') return [node]
    return [{ ...node, attributes: [...node.attributes, intAttr('num_outputs', node.outputs.length)] }]
  },
}

/** `axis` became an input with another default. */
const dft: Rule = {
  ops: ['DFT'],
  since: 20,
  apply(node, context) {
    if (hasReference(node, 'axis')) return refuse(node, 'takes its axis from an attribute of its function')
    const made = context.constant(`${node.outputs[0]}/axis`, int64Data([intAttribute(node, 'axis', 1)], []))
    return [
      made.node,
      { ...node, inputs: withInput(node.inputs, 2, made.name), attributes: without(node.attributes, 'axis') },
    ]
  },
}

export const inputRules: readonly Rule[] = [
  slice,
  topK,
  clip,
  pad,
  dropoutMask,
  dropoutRatio,
  splitSizes,
  splitCount,
  dft,
]
