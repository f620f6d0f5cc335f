import type { Node } from '../../../model/graph.ts'
import { attributeOf, floatAttribute, stringAttribute } from '../../attributes.ts'
import { hasReference, newNode, type Rule, refuse, scalarLike, stringAttr, without } from './rule.ts'

const scatter: Rule = {
  ops: ['Scatter'],
  since: 11,
  apply: (node) => [newNode('ScatterElements', node.inputs, node.outputs, node.attributes)],
}

/** The default moved by half a pixel. */
const roiAlign: Rule = {
  ops: ['RoiAlign'],
  since: 16,
  apply(node) {
    const name = 'coordinate_transformation_mode'
    if (attributeOf(node, name) !== undefined) return [node]
    return [{ ...node, attributes: [...node.attributes, stringAttr(name, 'output_half_pixel')] }]
  },
}

const GRID_MODES = new Map([
  ['bilinear', 'linear'],
  ['bicubic', 'cubic'],
])

const gridSample: Rule = {
  ops: ['GridSample'],
  since: 20,
  apply(node) {
    if (hasReference(node, 'mode')) return refuse(node, 'takes its mode from an attribute of its function')
    const mode = stringAttribute(node, 'mode', 'bilinear')
    return [
      { ...node, attributes: [...without(node.attributes, 'mode'), stringAttr('mode', GRID_MODES.get(mode) ?? mode)] },
    ]
  },
}

/** onnxruntime 1.30 has Swish only as a function of opset 24 and does not load it beside newer operators. */
const swish: Rule = {
  ops: ['Swish'],
  since: 25,
  apply(node, context) {
    if (hasReference(node, 'alpha')) return refuse(node, 'takes alpha from an attribute of its function')
    const [input = ''] = node.inputs
    const [output = ''] = node.outputs
    const alpha = floatAttribute(node, 'alpha', 1)
    const gate = context.fresh(`${output}/gate`)
    const nodes: Node[] = []
    let scaled = input
    if (alpha !== 1) {
      const factor = scalarLike(`${output}/alpha`, alpha, input, context)
      if (factor === null) return refuse(node, 'scales a value whose type cannot be told')
      scaled = context.fresh(`${output}/scaled`)
      nodes.push(...factor.nodes, newNode('Mul', [input, factor.name], [scaled]))
    }
    return [...nodes, newNode('Sigmoid', [scaled], [gate]), newNode('Mul', [input, gate], [output])]
  },
}

/** Breaking changes that no graph of the new version can express, or that nobody needed yet. */
const scan: Rule = {
  ops: ['Scan'],
  since: 9,
  apply: (node) => refuse(node, 'scans over batches, which later opsets cannot'),
}

/** Experimental operators that were dropped when opset 10 was made. */
const dropped: Rule = {
  ops: [
    'ATen',
    'Affine',
    'ConstantFill',
    'Crop',
    'DynamicSlice',
    'GRUUnit',
    'GivenTensorFill',
    'ImageScaler',
    'ParametricSoftplus',
    'Scale',
    'ScaledTanh',
  ],
  since: 10,
  apply: (node) => refuse(node, 'does not exist from opset 10 on'),
}

export const renamedRules: readonly Rule[] = [scatter, roiAlign, gridSample, swish, scan, dropped]
