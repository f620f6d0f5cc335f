import { attributeOf, stringAttribute } from '../../attributes.ts'
import { hasReference, newNode, type Rule, refuse, stringAttr, without } from './rule.ts'

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

export const renamedRules: readonly Rule[] = [scatter, roiAlign, gridSample, scan, dropped]
