import type { StaticProduct, StaticWeight } from '../../model/activation.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import { intAttribute } from '../attributes.ts'
import { cast, float32s, makeNode } from './make.ts'
import type { SharedScalars } from './shared-scalars.ts'

/** Codes of a value: `value = scale * (sum over parts of factor * (codes - zero))`. */
export interface CodedValue {
  readonly parts: readonly CodedPart[]
  /** The number, or the name of the tensor that is computed at run time. */
  readonly scale: number | string
}

export interface CodedPart {
  readonly codes: string
  /** A scalar tensor. */
  readonly zero: string
  readonly factor: number
}

interface Placed {
  readonly nodes: readonly Node[]
  readonly constants: readonly TensorRef[]
}

/** Codes of unsigned weights stand around this. */
const MIDDLE = 128

/**
 * A product of codes with a float result: ConvInteger or MatMulInteger for every part of its operands, summed in float (int32 could
 * overflow), then scale and bias in float. onnxruntime takes one zero for all weights.
 */
export function placedProduct(
  product: StaticProduct,
  operands: readonly CodedValue[],
  weight: StaticWeight | null,
  bias: Float32Array | null,
  scalars: SharedScalars,
  fresh: (base: string) => string,
): Placed {
  const output = product.node.outputs[0] ?? ''
  const nodes: Node[] = []
  const constants: TensorRef[] = []
  const add = (tensor: TensorRef): string => {
    constants.push(tensor)
    return tensor.name
  }
  const apply = (op: string, inputs: readonly string[], name: string): string => {
    nodes.push(makeNode(op, inputs, [name]))
    return name
  }
  const [left, second] = operands as readonly [CodedValue, CodedValue?]
  const right = weight === null ? (second as CodedValue) : weightCodes(product, weight, nodes, scalars, fresh)

  let sum: string | null = null
  for (const a of leftParts(product, left, nodes, fresh)) {
    for (const b of right.parts) {
      const [sums, floats] = [fresh(`${output}/sums`), fresh(`${output}/sums/f32`)]
      const reads = [a.codes, b.codes, a.zero, b.zero]
      if (product.op === 'Conv') {
        nodes.push({ ...makeNode('ConvInteger', reads, [sums]), attributes: product.node.attributes })
      } else nodes.push(makeNode('MatMulInteger', reads, [sums]))
      nodes.push(cast(sums, floats, 'f32'))
      const factor = a.factor * b.factor
      const weighed = factor === 1 ? floats : apply('Mul', [floats, scalars.f32(factor)], fresh(`${output}/weighed`))
      sum = sum === null ? weighed : apply('Add', [sum, weighed], fresh(`${output}/sum`))
    }
  }

  const scale = scaleOf(product, [left.scale, right.scale], weight, apply, add, fresh)
  const scaled = bias === null ? output : fresh(`${output}/scaled`)
  apply('Mul', [sum ?? '', scale], scaled)
  if (bias !== null) apply('Add', [scaled, add(perChannel(product, fresh(`${output}/bias`), bias))], output)
  return { nodes, constants }
}

/** The product of the scales of both operands, one or one a channel. */
function scaleOf(
  product: StaticProduct,
  scales: readonly (number | string)[],
  weight: StaticWeight | null,
  apply: (op: string, inputs: readonly string[], name: string) => string,
  add: (tensor: TensorRef) => string,
  fresh: (base: string) => string,
): string {
  const output = product.node.outputs[0] ?? ''
  const known = scales.reduce<number>((all, one) => (typeof one === 'number' ? all * one : all), 1)
  const computed = scales.filter((one) => typeof one === 'string')
  const values = (weight?.scales ?? Float32Array.of(1)).map((one) => Math.fround(one * known))
  if (weight === null && computed.length === 2) return apply('Mul', computed, fresh(`${output}/scale`))
  const constant = add(perChannel(product, fresh(`${output}/scale`), values))
  return computed[0] === undefined ? constant : apply('Mul', [computed[0], constant], fresh(`${output}/factors`))
}

/** In the shape that broadcasts over the result: channels in front of positions, or last. */
function perChannel({ op, weight }: StaticProduct, name: string, values: Float32Array): TensorRef {
  const tensor = float32s(name, values)
  if (values.length === 1) return { ...tensor, shape: [] }
  const positions = op === 'Conv' ? (weight?.shape.length ?? 2) - 2 : 0
  return { ...tensor, shape: [values.length, ...new Array<number>(positions).fill(1)] }
}

function leftParts(
  { op, node }: StaticProduct,
  { parts }: CodedValue,
  nodes: Node[],
  fresh: (base: string) => string,
): readonly CodedPart[] {
  if (op !== 'Gemm' || intAttribute(node, 'transA', 0) === 0) return parts
  return parts.map((part) => ({ ...part, codes: transposed(part.codes, nodes, fresh) }))
}

function weightCodes(
  { op, node }: StaticProduct,
  { codes }: StaticWeight,
  nodes: Node[],
  scalars: SharedScalars,
  fresh: (base: string) => string,
): CodedValue {
  const zero = codes.dtype === 'u8' ? scalars.u8(MIDDLE) : ''
  const turned = op === 'Gemm' && intAttribute(node, 'transB', 0) !== 0
  const name = turned ? transposed(codes.name, nodes, fresh) : codes.name
  return { parts: [{ codes: name, zero, factor: 1 }], scale: 1 }
}

function transposed(codes: string, nodes: Node[], fresh: (base: string) => string): string {
  const name = fresh(`${codes}/transposed`)
  nodes.push(makeNode('Transpose', [codes], [name], { perm: [1, 0] }))
  return name
}
