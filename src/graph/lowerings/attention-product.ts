import type { Node, TensorRef } from '../../model/graph.ts'
import type { WeightUse } from '../../model/inventory.ts'
import type { LoweringContext } from '../../model/lowering.ts'
import type { Refusal } from '../../model/packing.ts'
import { intAttribute, intsAttribute } from '../attributes.ts'
import { int64s, MICROSOFT, makeNode } from './make.ts'

/** com.microsoft Attention holds the weights of queries, keys and values in one matrix at input 1. */
export function isAttention({ node }: WeightUse): boolean {
  return node.op === 'Attention' && node.domain === MICROSOFT
}

/** Attributes that MultiHeadAttention means the same by. */
const SHARED: ReadonlySet<string> = new Set(['num_heads', 'scale', 'mask_filter_value', 'unidirectional'])
const ADDED = 5
const PAST = 4
/** `past_sequence_length`, of buffers that are shared between runs. */
const LENGTH = 6

/** Why queries, keys and values cannot be computed by a product in front of MultiHeadAttention; null: they can. */
export function refuseAttention({ node, view }: WeightUse): Refusal | null {
  const refuse = (text: string): Refusal => ({ code: 'attention', text: `Attention "${node.name}" ${text}` })
  if (node.inputs[PAST] || node.inputs[LENGTH]) return refuse('takes keys and values of earlier runs')
  if (node.outputs.slice(1).some((name) => name !== '')) return refuse('gives keys and values to later runs')
  if (intAttribute(node, 'do_rotary', 0) !== 0) return refuse('rotates queries and keys')
  return sizesOf(node, view?.channels ?? 0) === null
    ? refuse('has sizes of queries, keys and values that do not fit')
    : null
}

function sizesOf(node: Node, columns: number): readonly number[] | null {
  const sizes = intsAttribute(node, 'qkv_hidden_sizes') ?? [columns / 3, columns / 3, columns / 3]
  const fits = sizes.length === 3 && sizes.every((size) => Number.isSafeInteger(size) && size > 0)
  return fits && sizes.reduce((a, b) => a + b, 0) === columns ? sizes : null
}

/**
 * What follows the product: MultiHeadAttention over its three parts, which adds the bias itself and takes the mask as it is. On a CPU
 * onnxruntime gives the very bits of the fused operator.
 */
export function attentionBehind(
  { node, view }: WeightUse,
  product: string,
  context: LoweringContext,
): { readonly nodes: readonly Node[]; readonly constants: readonly TensorRef[] } {
  const output = node.outputs[0] ?? ''
  const sizes = sizesOf(node, view?.channels ?? 0) ?? []
  const parts = ['queries', 'keys', 'values'].map((part) => context.fresh(`${output}/${part}`))
  const lengths = context.fresh(`${output}/sizes`)
  const given = context.opset >= 13
  const split = makeNode('Split', given ? [product, lengths] : [product], parts, {
    axis: 2,
    ...(given ? {} : { split: sizes }),
  })
  const [bias = '', mask = '', added = ''] = [node.inputs[2], node.inputs[3], node.inputs[ADDED]]
  const attention = makeNode('MultiHeadAttention', [...parts, bias, mask, added], [output], {}, MICROSOFT)
  const attributes = node.attributes.filter(({ name }) => SHARED.has(name))
  return { nodes: [split, { ...attention, attributes }], constants: given ? [int64s(lengths, sizes)] : [] }
}
