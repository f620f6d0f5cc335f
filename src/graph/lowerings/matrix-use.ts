import { TersorError } from '../../errors.ts'
import type { DType } from '../../model/dtype.ts'
import type { WeightFacts, WeightUse } from '../../model/inventory.ts'
import type { Refusal } from '../../model/packing.ts'
import { attributeOf, intAttribute } from '../attributes.ts'
import { isStandard } from '../walk.ts'
import { isAttention, refuseAttention } from './attention-product.ts'
import { dtypeOf } from './make.ts'
import { refuseWeight } from './place.ts'

/** Dtype of the value that the operator sees at the end of the constant path. */
export function dtypeThroughPath(weight: WeightFacts, use: WeightUse): DType | undefined {
  let dtype: DType | undefined = weight.dtype
  for (const step of use.path) if (step.op === 'Cast') dtype = dtypeOf(intAttribute(step.node, 'to', 0))
  return dtype
}

/** Rank at the end of the constant path; undefined where a step's target shape is not in the facts. */
export function rankThroughPath(weight: WeightFacts, use: WeightUse): number | undefined {
  let rank: number | undefined = weight.shape.length
  for (const step of use.path) {
    if (step.op === 'Flatten') rank = 2
    else if (step.op === 'Reshape' || step.op === 'Squeeze' || step.op === 'Unsqueeze' || step.op === 'Mul') {
      rank = step.shape?.length
    }
  }
  return rank
}

/**
 * What every operator that takes the weight as a K x N matrix asks for: MatMul, Gemm, FusedMatMul or Attention with the weight at input 1,
 * two-dimensional, no scaling on the way, and one of the float types given.
 */
export function refuseMatrixUse(
  weight: WeightFacts,
  use: WeightUse | undefined,
  dtypes: ReadonlySet<DType>,
): Refusal | null {
  const refusal = refuseWeight(weight)
  if (refusal !== null) return refusal
  if (use === undefined) return { code: 'no-use', text: 'this form replaces a node, and none is given' }
  const { op, name } = use.node
  if (use.role !== 'matmul' && use.role !== 'gemm') {
    return { code: 'role', text: `the weight is not the right factor of a MatMul or Gemm but ${use.role} of ${op}` }
  }
  const more = refuseFused(use)
  if (more !== null) return more
  if (use.view === null) return { code: 'view', text: `${op} "${name}" does not see the weight as one matrix` }
  if (use.view.stack !== 1) return { code: 'stack', text: `${op} "${name}" multiplies by a stack of matrices` }
  if (use.path.some((step) => step.op === 'Mul')) {
    return { code: 'path', text: `the weight is multiplied by a constant before ${op} "${name}"` }
  }
  if (use.role === 'matmul' && rankThroughPath(weight, use) !== 2) {
    return { code: 'rank', text: `${op} "${name}" sees the weight with a rank that is not known to be 2` }
  }
  // The view names the stored order of K, and a cut and permuted axis could be seen in another.
  if (use.path.some((step) => step.op === 'Transpose') && use.path.some((step) => step.op === 'Reshape')) {
    return { code: 'path', text: `the weight is reshaped and transposed before ${op} "${name}"` }
  }
  const dtype = dtypeThroughPath(weight, use)
  if (dtype === undefined || !dtypes.has(dtype)) {
    return { code: 'dtype', text: `${op} "${name}" computes in ${dtype ?? 'an unknown type'}, which this form cannot` }
  }
  if (use.node.outputs[0] === '' || use.node.outputs.slice(1).some((output) => output !== '')) {
    return { code: 'outputs', text: `${op} "${name}" has not exactly one output` }
  }
  if (use.role === 'gemm' && attributeOf(use.node, 'broadcast') !== undefined) {
    return { code: 'opset', text: `Gemm "${name}" has the broadcast rule of opset 6 and before` }
  }
  return null
}

/** What fused operators do besides the product: the rest must be expressed by other nodes, or they stay as they are. */
function refuseFused(use: WeightUse): Refusal | null {
  const { node } = use
  const { op, name } = node
  if (isStandard(node)) return null
  if (isAttention(use)) return refuseAttention(use)
  const matmul = op === 'FusedMatMul' || op === 'TransposeMatMul'
  if (!matmul) return { code: 'fused', text: `${op} "${name}" does more than multiply` }
  if (intAttribute(node, 'transA', 0) !== 0 || intAttribute(node, 'transBatchA', 0) !== 0) {
    return { code: 'fused', text: `${op} "${name}" transposes its left factor` }
  }
  return null
}

/** K and N of an accepted use. */
export function matrixOf(weight: WeightFacts, use: WeightUse): { readonly K: number; readonly N: number } {
  if (use.view === null) {
    throw new TersorError('E_INTERNAL', 'a matrix was expected, the use has no view', {
      where: `tensor "${weight.name}"`,
    })
  }
  return { K: use.view.depth, N: use.view.channels }
}
