import type { Model, Node } from '../model/graph.ts'
import { intAttribute, intsAttribute } from './attributes.ts'
import { constantTensor } from './constant-nodes.ts'
import { type Connections, connect } from './consumers.ts'
import { isStandard, type Scope, scopesOf } from './walk.ts'

/** Which inputs of an attention node come from earlier runs, and how many heads are in each of them. */
interface Attention {
  readonly past: readonly number[]
  readonly heads: number
  /** Columns of the first input (or of the weights) for each element of a head. */
  readonly columns: number
  /** The input whose last axis is those columns. */
  readonly from: number
  /** Axes of heads and of their elements in a past input. */
  readonly axes: readonly [number, number]
}

/**
 * Sizes of the inputs that attention takes from earlier runs, where a model leaves them open (some exporters write a symbol for the
 * length of a head): by name of the graph input, the size of each axis that is known. They follow from the number of heads and the
 * width of the queries.
 */
export function cacheSizes(model: Model): ReadonlyMap<string, ReadonlyMap<number, number>> {
  const open = new Set(
    model.graph.inputs.filter(({ shape }) => shape?.some((size) => typeof size !== 'number')).map(({ name }) => name),
  )
  const found = new Map<string, ReadonlyMap<number, number>>()
  if (!scopesOf(model).some(({ nodes }) => nodes.some((node) => attentionOf(node) !== null))) return found
  const connections = connect(model)
  for (const scope of connections.scopes) {
    for (const node of scope.nodes) {
      const attention = attentionOf(node)
      if (attention === null) continue
      const width = widthOf(node.inputs[attention.from] ?? '', scope, connections)
      const size = width === undefined ? undefined : width / attention.columns
      for (const index of attention.past) {
        const name = node.inputs[index] ?? ''
        if (!open.has(name)) continue
        const sizes = new Map([[attention.axes[0], attention.heads]])
        if (size !== undefined && Number.isSafeInteger(size)) sizes.set(attention.axes[1], size)
        found.set(name, sizes)
      }
    }
  }
  return found
}

function attentionOf(node: Node): Attention | null {
  const { op, inputs } = node
  if (isStandard(node)) {
    const heads = intAttribute(node, 'q_num_heads', 0)
    if (op !== 'Attention' || heads < 1) return null
    return { past: [4, 5], heads: intAttribute(node, 'kv_num_heads', heads), columns: heads, from: 0, axes: [1, 3] }
  }
  if (node.domain !== 'com.microsoft') return null
  const heads = intAttribute(node, 'num_heads', 0)
  if (heads < 1) return null
  switch (op) {
    case 'GroupQueryAttention': {
      const kept = intAttribute(node, 'kv_num_heads', heads)
      // Without keys of their own, queries, keys and values are one input.
      const packed = (inputs[1] ?? '') === ''
      return { past: [3, 4], heads: kept, columns: packed ? heads + 2 * kept : heads, from: 0, axes: [1, 3] }
    }
    case 'MultiHeadAttention':
      return { past: [6, 7], heads, columns: heads, from: 0, axes: [1, 3] }
    case 'DecoderMaskedMultiHeadAttention':
      return { past: [5, 6], heads, columns: heads, from: 0, axes: [1, 3] }
    case 'Attention':
      // Weights [in, queries and keys and values]; the past is keys and values in one.
      if (intsAttribute(node, 'qkv_hidden_sizes') !== undefined) return null
      return { past: [4], heads, columns: 3 * heads, from: 1, axes: [2, 4] }
    default:
      return null
  }
}

/** Operators that leave the last axis of their first input as it is. */
const SAME_WIDTH: ReadonlySet<string> = new Set(['Add', 'Cast', 'Identity', 'Mul', 'RotaryEmbedding', 'Sub', 'Div'])
const MOST_STEPS = 8

/** Length of the last axis of a value. */
function widthOf(name: string, scope: Scope, connections: Connections): number | undefined {
  let at = name
  for (let step = 0; step < MOST_STEPS; step++) {
    const definition = connections.resolve(scope, at)
    if (definition === undefined) return undefined
    const constant = constantTensor(definition)
    if (constant !== null) return constant.shape.at(-1)
    const infos = definition.scope.graph
    const info = [...(infos?.values ?? []), ...(infos?.inputs ?? [])].find((value) => value.name === at)
    const last = info?.shape?.at(-1)
    if (typeof last === 'number') return last
    const { node } = definition
    if (node === null) return undefined
    const wide = productWidth(node, definition.scope, connections)
    if (wide !== undefined) return wide
    if (!SAME_WIDTH.has(node.op)) return undefined
    at = node.inputs[0] ?? ''
  }
  return undefined
}

/** Columns of what a product gives. */
function productWidth(node: Node, scope: Scope, { resolve }: Connections): number | undefined {
  if (node.op === 'MatMulNBits' || node.op === 'MatMulBnb4') return intAttribute(node, 'N')
  if (!/^(MatMul|FusedMatMul|Gemm|FusedGemm)$/.test(node.op)) return undefined
  const definition = resolve(scope, node.inputs[1] ?? '')
  const weight = definition === undefined ? null : constantTensor(definition)
  const flipped = intAttribute(node, 'transB', 0) !== 0
  return weight === null ? undefined : weight.shape.at(flipped ? -2 : -1)
}
