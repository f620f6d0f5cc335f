import type { Node } from '../model/graph.ts'
import { intAttribute } from './attributes.ts'
import { BIAS, convRole, gemmRole, matmulRole, type NodeRole } from './matrix-roles.ts'

/** Inputs of com.microsoft operators that hold a bias vector. */
const BIAS_INPUTS: ReadonlyMap<string, number> = new Map([
  ['Attention', 2],
  ['QAttention', 2],
  ['MultiHeadAttention', 3],
  ['DecoderMaskedMultiHeadAttention', 10],
  ['SkipLayerNormalization', 4],
  ['SkipSimplifiedLayerNormalization', 3],
  ['BiasGelu', 1],
  ['FastGelu', 1],
  ['BiasAdd', 1],
  ['BiasSplitGelu', 1],
  ['MatMulNBits', 5],
  ['MatMulIntegerToFloat', 6],
  ['DynamicQuantizeMatMul', 4],
  ['DynamicQuantizeLSTM', 3],
])

/** Tables of EmbedLayerNormalization: words, positions, segments. */
const EMBEDDING_TABLES: ReadonlySet<number> = new Set([2, 3, 4])

/** Roles in com.microsoft operators with float weights; undefined where the general rule does. */
export function microsoftRole(node: Node, inputIndex: number, shape: readonly number[]): NodeRole | undefined {
  if (BIAS_INPUTS.get(node.op) === inputIndex) return BIAS
  switch (node.op) {
    case 'FusedMatMul':
    case 'TransposeMatMul':
    case 'FusedMatMulActivation':
      return fusedMatmulRole(node, inputIndex, shape)
    case 'FusedGemm':
    case 'GemmFastGelu':
      return gemmRole(node, inputIndex, shape)
    case 'FusedConv':
      return convRole(inputIndex, shape)
    case 'Attention':
      return inputIndex === 1 ? matmulRole(1, shape, false, false) : undefined
    case 'EmbedLayerNormalization':
      if (!EMBEDDING_TABLES.has(inputIndex) || shape.length !== 2) return undefined
      return { role: 'other', labels: ['channel', 'depth'] }
    default:
      return undefined
  }
}

/** transBatchA/B move a leading axis between the matrix axes: no view is claimed for those. */
function fusedMatmulRole(node: Node, inputIndex: number, shape: readonly number[]): NodeRole | undefined {
  const batch = inputIndex === 1 ? 'transBatchB' : 'transBatchA'
  if (intAttribute(node, batch, 0) !== 0) return undefined
  const flippedLeft = intAttribute(node, 'transA', 0) !== 0
  return matmulRole(inputIndex, shape, flippedLeft, intAttribute(node, 'transB', 0) !== 0)
}
