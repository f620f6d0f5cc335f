import type { Attribute } from '../../../model/graph.ts'
import { attributeOf, floatsAttribute, stringAttribute } from '../../attributes.ts'
import { float32Data, hasReference, newNode, type Rule, refuse, stringAttr, withInput, without } from './rule.ts'

const upsampleScales: Rule = {
  ops: ['Upsample'],
  since: 9,
  apply(node, context) {
    const scales = floatsAttribute(node, 'scales')
    if (scales === undefined) return refuse(node, 'has no scales')
    const made = context.constant(`${node.outputs[0]}/scales`, float32Data(scales))
    return [
      made.node,
      { ...node, inputs: withInput(node.inputs, 1, made.name), attributes: without(node.attributes, 'scales') },
    ]
  },
}

/** Upsample became Resize. It only ever enlarged, where nearest means the element before. */
const upsampleToResize: Rule = {
  ops: ['Upsample'],
  since: 10,
  apply(node) {
    const nearest = stringAttribute(node, 'mode', 'nearest') === 'nearest' ? [stringAttr('nearest_mode', 'floor')] : []
    return [newNode('Resize', node.inputs, node.outputs, [...node.attributes, ...nearest])]
  },
}

/**
 * Resize gained a region, sizes, and names for what it did: coordinates times the scale, and for nearest the element before
 * when enlarging, the one after when shrinking. An axis of scale 1 is the same either way.
 */
const resizeModes: Rule = {
  ops: ['Resize'],
  since: 11,
  async apply(node, context) {
    if (hasReference(node, 'mode')) return refuse(node, 'takes its mode from an attribute of its function')
    const [x = '', scales = ''] = node.inputs
    const added: Attribute[] = [stringAttr('coordinate_transformation_mode', 'asymmetric')]
    if (stringAttribute(node, 'mode', 'nearest') === 'nearest' && attributeOf(node, 'nearest_mode') === undefined) {
      const values = await context.floats(scales)
      if (values === null) return refuse(node, 'is nearest by scales that are computed')
      const shrinks = values.some((scale) => scale < 1)
      if (shrinks && values.some((scale) => scale > 1))
        return refuse(node, 'shrinks one axis and enlarges another by nearest')
      added.push(stringAttr('nearest_mode', shrinks ? 'ceil' : 'floor'))
    }
    const region = context.constant(`${node.outputs[0]}/roi`, float32Data([]))
    return [region.node, { ...node, inputs: [x, region.name, scales], attributes: [...node.attributes, ...added] }]
  },
}

/** The coordinate mode of one framework's nearest went away; floor of it is rounding halves up of half_pixel. */
const nearestHalfPixel: Rule = {
  ops: ['Resize'],
  since: 13,
  apply(node) {
    const name = 'coordinate_transformation_mode'
    if (stringAttribute(node, name, 'half_pixel') !== 'tf_half_pixel_for_nn') return [node]
    const nearest =
      stringAttribute(node, 'mode', 'nearest') === 'nearest' &&
      stringAttribute(node, 'nearest_mode', 'round_prefer_floor') === 'floor'
    if (!nearest) return refuse(node, 'has coordinates tf_half_pixel_for_nn without floor of nearest')
    const attributes = [
      ...without(node.attributes, name, 'nearest_mode'),
      stringAttr(name, 'half_pixel'),
      stringAttr('nearest_mode', 'round_prefer_ceil'),
    ]
    return [{ ...node, attributes }]
  },
}

export const resizeRules: readonly Rule[] = [upsampleScales, upsampleToResize, resizeModes, nearestHalfPixel]
