import type { Node, TensorRef } from '../../model/graph.ts'
import { attributeOf, floatAttribute, intAttribute } from '../attributes.ts'
import { constantTensor } from '../constant-nodes.ts'
import type { Connections, Definition } from '../consumers.ts'
import { isStandard, type Scope } from '../walk.ts'
import { isReadableFloat } from './float-constants.ts'

/**
 * A node that multiplies its first input by a constant weight, and how the weight's channels lie. Stored elements are
 * `rows` x `columns` runs of `run` elements each; a run belongs to one channel of the output and one of the input.
 */
export interface Product {
  readonly node: Node
  readonly scope: Scope
  readonly op: 'Conv' | 'ConvTranspose' | 'Gemm' | 'MatMul'
  readonly weight: Definition
  readonly tensor: TensorRef
  readonly rows: number
  readonly columns: number
  readonly run: number
  readonly inputChannels: number
  readonly outputChannels: number
  outputOf(row: number, column: number): number
  inputOf(row: number, column: number): number
  /** Rank of the output; undefined where the weight does not tell. The channel axis is 1, of MatMul the last. */
  readonly outputRank: number | undefined
}

/** What a product adds: nothing, a constant, or something that is computed or has no value per channel. */
export type ProductBias =
  | { readonly kind: 'none' }
  | { readonly kind: 'constant'; readonly definition: Definition; readonly tensor: TensorRef }
  | { readonly kind: 'computed' }

/** The node as a product; null when it is none, its weight is not constant or its shapes do not fit. Opset 7 and later. */
export function productOf(node: Node, scope: Scope, connections: Connections): Product | null {
  if (!isStandard(node)) return null
  const weight = connections.resolve(scope, node.inputs[1] ?? '')
  const tensor = weight === undefined ? null : constantTensor(weight)
  if (weight === undefined || tensor === null || !isReadableFloat(tensor)) return null
  if (tensor.shape.includes(0) || hasReference(node)) return null
  const shared = { node, scope, weight, tensor }
  const [first = 0, second = 0] = tensor.shape
  const rank = tensor.shape.length
  switch (node.op) {
    case 'Conv':
    case 'ConvTranspose': {
      const groups = intAttribute(node, 'group', 1)
      if (rank < 3 || groups < 1 || first % groups !== 0) return null
      const perGroup = first / groups
      const across = (row: number, column: number): number => Math.floor(row / perGroup) * second + column
      const along = (row: number): number => row
      const run = tensor.shape.slice(2).reduce((total, size) => total * size, 1)
      const size = { rows: first, columns: second, run, outputRank: rank }
      if (node.op === 'Conv') {
        const channels = { inputChannels: second * groups, outputChannels: first }
        return { ...shared, ...size, ...channels, op: 'Conv', outputOf: along, inputOf: across }
      }
      const channels = { inputChannels: first, outputChannels: second * groups }
      return { ...shared, ...size, ...channels, op: 'ConvTranspose', outputOf: across, inputOf: along }
    }
    case 'Gemm':
    case 'MatMul': {
      if (rank !== 2 || (node.op === 'Gemm' && intAttribute(node, 'transA', 0) !== 0)) return null
      const turned = node.op === 'Gemm' && intAttribute(node, 'transB', 0) !== 0
      const isRow = (row: number): number => row
      const isColumn = (_row: number, column: number): number => column
      return {
        ...shared,
        op: node.op,
        rows: first,
        columns: second,
        run: 1,
        inputChannels: turned ? second : first,
        outputChannels: turned ? first : second,
        outputOf: turned ? isRow : isColumn,
        inputOf: turned ? isColumn : isRow,
        outputRank: node.op === 'Gemm' ? 2 : undefined,
      }
    }
    default:
      return null
  }
}

/** The bias of a product; `MatMul` has none. */
export function biasOf(product: Product, connections: Connections): ProductBias {
  const name = product.op === 'MatMul' ? '' : (product.node.inputs[2] ?? '')
  if (name === '') return { kind: 'none' }
  const definition = connections.resolve(product.scope, name)
  const tensor = definition === undefined ? null : constantTensor(definition)
  if (definition === undefined || tensor === null || !isReadableFloat(tensor)) return { kind: 'computed' }
  const { shape } = tensor
  const count = shape.reduce((total, size) => total * size, 1)
  const perChannel = count === product.outputChannels && (shape.at(-1) === count || count === 1)
  const fits =
    product.op === 'Gemm' ? (perChannel || count === 1) && shape.length <= 2 : perChannel && shape.length === 1
  return fits ? { kind: 'constant', definition, tensor } : { kind: 'computed' }
}

/** Values of a bias per output channel, the `beta` of Gemm multiplied in. */
export function biasPerChannel(product: Product, stored: Float64Array): Float64Array {
  const factor = product.op === 'Gemm' ? floatAttribute(product.node, 'beta', 1) : 1
  const at = (channel: number): number => stored[stored.length === 1 ? 0 : channel] as number
  return Float64Array.from({ length: product.outputChannels }, (_, channel) => factor * at(channel))
}

/** Weights multiplied by a factor per output and per input channel. */
export function scaledWeight(
  product: Product,
  values: Float64Array,
  byOutput: Float64Array | null,
  byInput: Float64Array | null = null,
): Float64Array {
  const result = new Float64Array(values.length)
  const { rows, columns, run } = product
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const factor =
        (byOutput === null ? 1 : (byOutput[product.outputOf(row, column)] as number)) *
        (byInput === null ? 1 : (byInput[product.inputOf(row, column)] as number))
      for (const end = at + run; at < end; at++) result[at] = (values[at] as number) * factor
    }
  }
  return result
}

/** What a constant per input channel adds to each output channel: the sum of weights by it; `alpha` of Gemm included. */
export function responseTo(product: Product, values: Float64Array, input: Float64Array): Float64Array {
  const sums = new Float64Array(product.outputChannels)
  const { rows, columns, run } = product
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const channel = product.outputOf(row, column)
      const factor = input[product.inputOf(row, column)] as number
      for (const end = at + run; at < end; at++)
        sums[channel] = (sums[channel] as number) + (values[at] as number) * factor
    }
  }
  const alpha = product.op === 'Gemm' ? floatAttribute(product.node, 'alpha', 1) : 1
  return alpha === 1 ? sums : sums.map((sum) => sum * alpha)
}

/** The node with other constants. A Gemm whose bias is replaced takes it as it is. */
export function withConstants(product: Product, weight: string | null, bias: string | null): Node {
  const { node } = product
  const inputs = [...node.inputs]
  if (weight !== null) inputs[1] = weight
  if (bias === null) return { ...node, inputs }
  inputs[2] = bias
  return { ...node, inputs, attributes: node.attributes.filter(({ name }) => product.op !== 'Gemm' || name !== 'beta') }
}

/** Whether zeros may be put around the input. */
export function mayPad(product: Product): boolean {
  const { node } = product
  if (product.op === 'Gemm' || product.op === 'MatMul') return false
  if (product.op === 'ConvTranspose') return true
  const auto = attributeOf(node, 'auto_pad')
  if (auto?.kind === 'string' && auto.value !== 'NOTSET' && auto.value !== 'VALID') return true
  const pads = attributeOf(node, 'pads')
  return pads !== undefined && !(pads.kind === 'ints' && pads.value.every((value) => Number(value) === 0))
}

function hasReference(node: Node): boolean {
  return node.attributes.some(({ kind }) => kind === 'ref')
}
