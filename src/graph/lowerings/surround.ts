import type { DType } from '../../model/dtype.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import type { WeightUse } from '../../model/inventory.ts'
import type { LoweringContext } from '../../model/lowering.ts'
import { floatAttribute, intAttribute } from '../attributes.ts'
import { attentionBehind, isAttention } from './attention-product.ts'
import { cast, float32, makeNode } from './make.ts'

/** What stays around the product when a MatMul, a Gemm or a fused kin of them is replaced. */
export interface Surroundings {
  /** The left factor, M x K or batched. */
  readonly activation: string
  /** Where the product must be written. */
  readonly product: string
  readonly before: readonly Node[]
  readonly after: readonly Node[]
  readonly constants: readonly TensorRef[]
}

/**
 * Gemm is alpha * A' * B' + beta * C: A' by a Transpose in front, the factors and C by Mul and Add behind. C broadcasts to the
 * product in any form Gemm allows, so Add fits all of them. Behind the product of Attention stands what else it does. A product computed
 * in another type than `dtype` is cast back.
 */
export function surround(use: WeightUse, dtype: DType, compute: DType, context: LoweringContext): Surroundings {
  const { node } = use
  const output = node.outputs[0] ?? ''
  const before: Node[] = []
  const after: Node[] = []
  const constants: TensorRef[] = []
  let activation = node.inputs[0] ?? ''
  const gemm = use.role === 'gemm'

  if (gemm && intAttribute(node, 'transA', 0) !== 0) {
    const transposed = context.fresh(`${activation}/transposed`)
    before.push(makeNode('Transpose', [activation], [transposed], { perm: [1, 0] }))
    activation = transposed
  }
  if (compute !== dtype) {
    const converted = context.fresh(`${activation}/${compute}`)
    before.push(cast(activation, converted, compute))
    activation = converted
  }

  // Built from the output backwards: each step reads a fresh name that the step before it writes.
  let product = output
  const prepend = (make: (input: string) => readonly Node[]): void => {
    const input = context.fresh(`${output}/product`)
    after.unshift(...make(input))
    product = input
  }
  const scalar = (value: number): { readonly name: string; readonly nodes: readonly Node[] } => {
    const name = context.fresh(`${output}/factor`)
    constants.push(float32(name, value))
    if (dtype === 'f32') return { name, nodes: [] }
    const converted = context.fresh(`${name}/${dtype}`)
    return { name: converted, nodes: [cast(name, converted, dtype)] }
  }
  if (isAttention(use)) {
    prepend((input) => {
      const behind = attentionBehind(use, input, context)
      constants.push(...behind.constants)
      return behind.nodes
    })
  }
  const addend = gemm ? (node.inputs[2] ?? '') : ''
  const beta = floatAttribute(node, 'beta', 1)
  if (addend !== '') {
    const target = product
    prepend((input) => {
      if (beta === 1) return [makeNode('Add', [input, addend], [target])]
      const factor = scalar(beta)
      const scaled = context.fresh(`${addend}/scaled`)
      return [
        ...factor.nodes,
        makeNode('Mul', [addend, factor.name], [scaled]),
        makeNode('Add', [input, scaled], [target]),
      ]
    })
  }
  // FusedMatMul has one, too; MatMul has no attributes.
  const alpha = floatAttribute(node, 'alpha', 1)
  if (alpha !== 1) {
    const target = product
    const factor = scalar(alpha)
    prepend((input) => [...factor.nodes, makeNode('Mul', [input, factor.name], [target])])
  }
  if (compute !== dtype) {
    const target = product
    prepend((input) => [cast(input, target, dtype)])
  }
  return { activation, product, before, after, constants }
}
