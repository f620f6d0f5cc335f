import type { ModelFamily, WeightFacts, WeightRole } from '../model/inventory.ts'

/** Operators that are attention as a whole. */
const ATTENTION: ReadonlySet<string> = new Set([
  'Attention',
  'com.microsoft::Attention',
  'com.microsoft::QAttention',
  'com.microsoft::MultiHeadAttention',
  'com.microsoft::DecoderMaskedMultiHeadAttention',
  'com.microsoft::GroupQueryAttention',
  'com.microsoft::PackedAttention',
  'com.microsoft::PackedMultiHeadAttention',
  'com.microsoft::SparseAttention',
])

const RECURRENT: readonly string[] = ['LSTM', 'GRU', 'RNN']

/** Share of parameters in recurrent layers from which a model counts as recurrent. */
const RECURRENT_SHARE = 0.15

/**
 * What kind of model this is, from where its parameters sit. Attention is seen either as an operator or as a Softmax
 * together with at least two products of two computed values.
 */
export function familyOf(operators: ReadonlyMap<string, number>, weights: readonly WeightFacts[]): ModelFamily {
  const elements = elementsByKind(weights)
  // Exporters that reorder gates by Slice and Concat hide recurrent weights from their operator.
  if (elements.recurrent === 0 && RECURRENT.some((name) => operators.has(name))) elements.recurrent = elements.other
  const total = elements.recurrent + elements.convolutional + elements.linear
  if (total === 0) return 'other'
  if (elements.recurrent >= RECURRENT_SHARE * total) return 'recurrent'
  const attends = [...operators.keys()].some((name) => ATTENTION.has(name)) || hasPlainAttention(operators, weights)
  if (attends && elements.linear >= elements.convolutional) return 'transformer'
  return elements.convolutional > 0 && !outweighs(elements, operators) ? 'convolutional' : 'mlp'
}

/** A convolutional net may hold most parameters in its last dense layer: convolutions must be rare as well as small. */
function outweighs(
  elements: { readonly convolutional: number; readonly linear: number },
  operators: ReadonlyMap<string, number>,
): boolean {
  const convolutions = (operators.get('Conv') ?? 0) + (operators.get('ConvTranspose') ?? 0)
  const products = (operators.get('MatMul') ?? 0) + (operators.get('Gemm') ?? 0)
  return elements.linear > elements.convolutional && products > convolutions
}

function hasPlainAttention(operators: ReadonlyMap<string, number>, weights: readonly WeightFacts[]): boolean {
  const weighted = new Set<unknown>()
  for (const { uses } of weights) for (const { node, role } of uses) if (role.startsWith('matmul')) weighted.add(node)
  const products = (operators.get('MatMul') ?? 0) + (operators.get('com.microsoft::FusedMatMul') ?? 0)
  const free = products - weighted.size + (operators.get('Einsum') ?? 0)
  return (operators.get('Softmax') ?? 0) > 0 && free >= 2
}

type Kind = 'recurrent' | 'convolutional' | 'linear' | 'other'

/** Matrices only; a constant counts once, by its first use of a kind. */
function elementsByKind(weights: readonly WeightFacts[]): Record<Kind, number> {
  const elements: Record<Kind, number> = { recurrent: 0, convolutional: 0, linear: 0, other: 0 }
  for (const { uses, elementCount } of weights) {
    const kinds = uses.map((use) => kindOf(use.role) ?? (use.role === 'other' && use.view ? 'other' : undefined))
    const kind = kinds.find((found) => found !== undefined && found !== 'other') ?? kinds.find(Boolean)
    if (kind !== undefined) elements[kind] += elementCount
  }
  return elements
}

function kindOf(role: WeightRole): Kind | undefined {
  if (/^(lstm|gru|rnn)-/.test(role)) return 'recurrent'
  if (role.startsWith('conv')) return 'convolutional'
  return role.startsWith('matmul') || role.startsWith('gemm') ? 'linear' : undefined
}
