import type { Node } from '../../model/graph.ts'
import { isStandard } from '../walk.ts'
import { isMicrosoft } from './element-types.ts'

const STANDARD = new Set([
  'QuantizeLinear',
  'DequantizeLinear',
  'DynamicQuantizeLinear',
  'MatMulInteger',
  'ConvInteger',
  'QLinearMatMul',
  'QLinearConv',
])

/** Quantized operators of onnxruntime by how their names begin. */
const MICROSOFT_NAMES =
  /^(Q(Linear|Attention|Gemm|MoE|Ordered|EmbedLayerNormalization)|Quantize|Dequantize|DynamicQuantize|MatMulInteger|MatMulNBits|MatMulBnb4|MatMulFpQ4|GatherBlockQuantized|NhwcMaxPool|QNBit)/

/** Operators whose codes have floats that stand for them, so that only a reader of the codes can hold them. */
const KNOWN =
  /^(QLinear(Conv|MatMul|Add|Mul|Sigmoid|LeakyRelu|Softmax|GlobalAveragePool|AveragePool|Concat|Where)|QGemm)$/

/** Operators on codes, whoever made them. */
export function isQuantized(node: Node): boolean {
  return isStandard(node) ? STANDARD.has(node.op) : isMicrosoft(node) && MICROSOFT_NAMES.test(node.op)
}

/** The reason where no lifting gave one. */
export function whyKept(node: Node): string {
  if (node.op === 'QuantizeLinear' || node.op === 'DynamicQuantizeLinear') {
    return 'its codes are an output, or are read by a node that stays quantized'
  }
  return KNOWN.test(node.op)
    ? 'a node that stays quantized reads its codes'
    : `${node.op} has no float counterpart here`
}
