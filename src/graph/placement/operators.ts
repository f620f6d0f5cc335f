import type { Node } from '../../model/graph.ts'
import { intAttribute, stringAttribute } from '../attributes.ts'
import { isStandard } from '../walk.ts'

/**
 * What onnxruntime 1.30 does with an operator between DequantizeLinear and QuantizeLinear on a CPU.
 *
 * 'absorb': Relu, Clip: vanish into the pair behind them when its grid lies inside their bounds.
 * 'pass': elements are moved or picked; the same grid on both sides lets the pairs vanish.
 * 'between': an integer twin of the operator takes and gives codes on grids of their own.
 */
export type Kind = 'absorb' | 'pass' | 'between'

export interface Family {
  readonly kind: Kind
  /** Number of leading inputs that are data; Infinity: all. */
  readonly operands: number
  /** Results lie within the hull of what is read, so inputs may share the grid of the output without losing steps. */
  readonly sharesHull: boolean
}

const PASS: Family = { kind: 'pass', operands: 1, sharesHull: true }

const FAMILIES: ReadonlyMap<string, Family> = new Map<string, Family>([
  ['Relu', { kind: 'absorb', operands: 1, sharesHull: false }],
  ['Clip', { kind: 'absorb', operands: 1, sharesHull: false }],
  ...[
    'Reshape',
    'Transpose',
    'Flatten',
    'Squeeze',
    'Unsqueeze',
    'Slice',
    'Gather',
    'GatherElements',
    'Expand',
    'Tile',
    'DepthToSpace',
    'SpaceToDepth',
    'Identity',
    'Split',
    'MaxPool',
    'Pad',
    'Resize',
  ].map((op): [string, Family] => [op, PASS]),
  ['Concat', { kind: 'between', operands: Number.POSITIVE_INFINITY, sharesHull: true }],
  ['Add', { kind: 'between', operands: 2, sharesHull: false }],
  ['Mul', { kind: 'between', operands: 2, sharesHull: false }],
  ...['AveragePool', 'GlobalAveragePool', 'LeakyRelu', 'Sigmoid'].map((op): [string, Family] => [
    op,
    { kind: 'between', operands: 1, sharesHull: false },
  ]),
])

/** How a node may run between codes; null: only in float. */
export function familyOfNode(node: Node): Family | null {
  if (!isStandard(node)) return null
  const family = FAMILIES.get(node.op)
  if (family === undefined) return null
  if (node.op === 'MaxPool' && (node.outputs[1] ?? '') !== '') return null
  if (node.op === 'Pad' && stringAttribute(node, 'mode', 'constant') === 'constant' && !padsZero(node)) return null
  if (node.op === 'Resize' && stringAttribute(node, 'mode', 'nearest') !== 'nearest') return null
  if (node.op === 'AveragePool' && intAttribute(node, 'ceil_mode', 0) !== 0) return null
  return family
}

/** Padding with anything but zero could leave the grid; the value is an input since opset 11 and left out when it is 0. */
function padsZero(node: Node): boolean {
  return (node.inputs[2] ?? '') === ''
}

/** Names of a node's data inputs. */
export function operandsOf(node: Node, family: Family): readonly string[] {
  return node.inputs.slice(0, Math.min(node.inputs.length, family.operands)).filter((name) => name !== '')
}
