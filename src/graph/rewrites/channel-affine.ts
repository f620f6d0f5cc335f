import type { Node, TensorRef } from '../../model/graph.ts'
import { attributeOf, floatAttribute, intAttribute } from '../attributes.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import type { Connections, Definition } from '../consumers.ts'
import { isStandard, type Scope } from '../walk.ts'
import { readFloats } from './float-constants.ts'

/** A constant as read: its shape and values. */
export interface Operand {
  readonly shape: readonly number[]
  readonly values: Float64Array
}

/** A node that computes factor * x + offset with constants that broadcast over x. Null: no factor, no offset. */
export interface Affine {
  readonly node: Node
  readonly scope: Scope
  /** Name of x. */
  readonly data: string
  readonly factor: Operand | null
  readonly offset: Operand | null
  /** True for BatchNormalization: the constants lie along axis 1, whatever the rank. */
  readonly alongChannels: boolean
}

/** The epsilon that a BatchNormalization without one has. */
const EPSILON = 1e-5

/** Operands longer than this belong to no channel axis. */
const MOST_CHANNELS = 1 << 20

/**
 * The node as factor and offset; null when it is no such node, a text when it is a BatchNormalization that cannot be one.
 * Add, Sub, Mul and Div broadcast as from opset 7 on.
 */
export async function affineOf(
  node: Node,
  scope: Scope,
  opset: number,
  connections: Connections,
  read: ReadSmall,
): Promise<Affine | string | null> {
  if (!isStandard(node)) return null
  if (node.op === 'BatchNormalization') return normalization(node, scope, opset, connections, read)
  if (opset < 7 || node.inputs.length !== 2 || !/^(Add|Sub|Mul|Div)$/.test(node.op)) return null
  const [left = '', right = ''] = node.inputs
  const [first, second] = [constantOf(left), constantOf(right)]
  if ((first === null) === (second === null)) return null
  const constant = (first ?? second) as TensorRef
  const values = await readFloats(constant, read)
  if (values === null) return null
  const operand = (value: (stored: number) => number): Operand => ({ shape: constant.shape, values: values.map(value) })
  const affine = (factor: Operand | null, offset: Operand | null): Affine => {
    return { node, scope, data: first === null ? left : right, factor, offset, alongChannels: false }
  }
  switch (node.op) {
    case 'Add':
      return affine(
        null,
        operand((value) => value),
      )
    case 'Mul':
      return affine(
        operand((value) => value),
        null,
      )
    case 'Sub':
      return first === null
        ? affine(
            null,
            operand((value) => -value),
          )
        : affine(
            { shape: [], values: Float64Array.of(-1) },
            operand((value) => value),
          )
    default:
      return first === null
        ? affine(
            operand((value) => 1 / value),
            null,
          )
        : null
  }

  function constantOf(name: string): TensorRef | null {
    const definition = connections.resolve(scope, name)
    const tensor = definition === undefined ? null : constantTensor(definition)
    return tensor !== null && tensor.shape.reduce((count, size) => count * size, 1) <= MOST_CHANNELS ? tensor : null
  }
}

/** scale * (x - mean) / sqrt(variance + epsilon) + bias, of inference. */
async function normalization(
  node: Node,
  scope: Scope,
  opset: number,
  connections: Connections,
  read: ReadSmall,
): Promise<Affine | string> {
  if (node.attributes.some(({ kind }) => kind === 'ref')) return 'it takes an attribute of its function'
  const trains = opset < 7 ? intAttribute(node, 'is_test', 0) === 0 : intAttribute(node, 'training_mode', 0) !== 0
  if (trains) return 'it is written for training'
  const own = connections.own(scope)
  const isRead = ({ uses, outputOf }: Definition): boolean => uses.length + outputOf.length > 0
  const further = node.outputs.slice(1).flatMap((name) => own.get(name) ?? [])
  // Before opset 14 exporters named the statistics of training even where nobody asks for them.
  if (further.some(isRead)) return 'it gives out statistics'
  const vectors: Float64Array[] = []
  for (const name of node.inputs.slice(1, 5)) {
    const definition = connections.resolve(scope, name)
    const tensor = definition === undefined ? null : constantTensor(definition)
    if (tensor === null) return `its input ${JSON.stringify(name)} is no constant`
    if (tensor.shape.length !== 1) return 'it normalizes per element, not per channel'
    const values = await readFloats(tensor, read)
    if (values === null) return `its input ${JSON.stringify(name)} cannot be read`
    vectors.push(values)
  }
  const [scale, bias, mean, variance] = vectors
  const fits = variance !== undefined && vectors.every((one) => one.length === variance.length)
  if (!scale || !bias || !mean || !fits) return 'its constants differ in length'
  const epsilon = attributeOf(node, 'epsilon') === undefined ? EPSILON : floatAttribute(node, 'epsilon', EPSILON)
  const factor = scale.map((value, channel) => value / Math.sqrt((variance[channel] as number) + epsilon))
  const offset = bias.map((value, channel) => value - (mean[channel] as number) * (factor[channel] as number))
  if (![...factor, ...offset].every(Number.isFinite)) return 'its constants are not finite'
  const operand = (values: Float64Array): Operand => ({ shape: [values.length], values })
  const data = node.inputs[0] ?? ''
  return { node, scope, data, factor: operand(factor), offset: operand(offset), alongChannels: true }
}

/**
 * The operand as one value for each of `channels` along `axis` of a value of `rank` axes (undefined: unknown, and the axis is
 * the last one). Null when it varies along other axes, or would add axes.
 */
export function perChannel(
  { shape, values }: Operand,
  channels: number,
  rank: number | undefined,
  axis: number,
): Float64Array | null {
  if (shape.length > (rank ?? 1) || !values.every(Number.isFinite)) return null
  const one = values[0]
  if (values.length === 1 && one !== undefined) return new Float64Array(channels).fill(one)
  const at = rank === undefined ? shape.length - 1 : shape.length - rank + axis
  const alone = shape.every((size, index) => (index === at ? size === channels : size === 1))
  return alone && at >= 0 && values.length === channels ? values : null
}
