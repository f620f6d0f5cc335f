import type { Node } from '../model/graph.ts'
import { intAttribute, stringAttribute } from './attributes.ts'
import { einsumLabels } from './einsum.ts'
import { BIAS, convRole, firstAxis, gemmRole, longAxes, matmulRole, type NodeRole } from './matrix-roles.ts'
import { microsoftRole } from './roles-microsoft.ts'
import type { AxisLabel } from './stored-axes.ts'
import { isStandard } from './walk.ts'

/**
 * The role of input `inputIndex`, whose shape at the node is `shape`.
 * `producer` gives the operator of ai.onnx that computes another input of the node, if any.
 */
export function roleOf(
  node: Node,
  inputIndex: number,
  shape: readonly number[],
  producer: (name: string) => string | undefined,
): NodeRole {
  const known = isStandard(node)
    ? standardRole(node, inputIndex, shape, producer)
    : node.domain === 'com.microsoft'
      ? microsoftRole(node, inputIndex, shape)
      : undefined
  return known ?? otherRole(shape)
}

function standardRole(
  node: Node,
  inputIndex: number,
  shape: readonly number[],
  producer: (name: string) => string | undefined,
): NodeRole | undefined {
  switch (node.op) {
    case 'MatMul':
      return matmulRole(inputIndex, shape, false, false)
    case 'Gemm':
      return gemmRole(node, inputIndex, shape)
    case 'Conv':
      return convRole(inputIndex, shape)
    case 'ConvTranspose':
      return convTransposeRole(inputIndex, shape)
    case 'LSTM':
      return recurrentRole('lstm', inputIndex, shape)
    case 'GRU':
      return recurrentRole('gru', inputIndex, shape)
    case 'RNN':
      return recurrentRole('rnn', inputIndex, shape)
    case 'Gather':
      return inputIndex === 0 ? gatherRole(intAttribute(node, 'axis', 0), shape) : undefined
    case 'Einsum':
      return { role: 'other', labels: einsumLabels(stringAttribute(node, 'equation', ''), inputIndex, shape.length) }
    case 'Add':
      return isAddedBias(node, inputIndex, shape, producer) ? BIAS : undefined
    default:
      return undefined
  }
}

/**
 * ConvTranspose: W [C, M/group, kernel...]. The output channel is axis 1, which is a matrix only when C or the kernel is 1;
 * otherwise the view keeps axis 0 (one scale per input channel), which stores as well and is a matrix.
 */
function convTransposeRole(inputIndex: number, shape: readonly number[]): NodeRole | undefined {
  if (inputIndex === 2) return BIAS
  if (inputIndex !== 1 || shape.length < 3) return undefined
  const simple = shape[0] === 1 || shape.slice(2).every((size) => size === 1)
  const labels = simple ? shape.map((_, axis): AxisLabel => (axis === 1 ? 'channel' : 'depth')) : firstAxis(shape)
  return { role: 'conv-transpose', labels }
}

/** W [directions, gates * hidden, input], R [directions, gates * hidden, hidden], B [directions, ...]. */
function recurrentRole(
  kind: 'lstm' | 'gru' | 'rnn',
  inputIndex: number,
  shape: readonly number[],
): NodeRole | undefined {
  if (inputIndex === 3) return BIAS
  if ((inputIndex !== 1 && inputIndex !== 2) || shape.length !== 3) return undefined
  return { role: `${kind}-${inputIndex === 1 ? 'w' : 'r'}`, labels: ['stack', 'channel', 'depth'] }
}

function gatherRole(axis: number, shape: readonly number[]): NodeRole | undefined {
  const kept = axis < 0 ? axis + shape.length : axis
  if (shape.length < 2 || kept < 0 || kept >= shape.length) return undefined
  if (kept === 0) return { role: 'gather', labels: firstAxis(shape) }
  // Whole columns of a table; a stack only where elements follow the kept axis.
  const before = shape.slice(kept + 1).every((size) => size === 1) ? 'depth' : 'stack'
  return { role: 'other', labels: shape.map((_, at) => (at < kept ? before : at === kept ? 'channel' : 'depth')) }
}

function isAddedBias(
  node: Node,
  inputIndex: number,
  shape: readonly number[],
  producer: (name: string) => string | undefined,
): boolean {
  if (longAxes(shape) > 1 || shape.length === 0) return false
  const op = producer(node.inputs[1 - inputIndex] ?? '')
  return op === 'MatMul' || op === 'Gemm' || op === 'Conv' || op === 'ConvTranspose' || op === 'Einsum'
}

/** Anything else: the first long axis is kept; vectors and scalars have no matrix view. */
export function otherRole(shape: readonly number[]): NodeRole {
  if (longAxes(shape) < 2) return { role: 'other', labels: null }
  const kept = shape.findIndex((size) => size > 1)
  return { role: 'other', labels: shape.map((_, axis) => (axis === kept ? 'channel' : 'depth')) }
}
