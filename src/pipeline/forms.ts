import type { WeightFacts, WeightRole, WeightUse } from '../model/inventory.ts'
import type { LoweringId } from '../model/plan.ts'

/** A form is one stored layout and the lowering each kind of use gets over it. */
export interface Form {
  readonly id: string
  readonly packing: string | null
  /** Null: this use cannot live on this form. */
  loweringFor(role: WeightRole): LoweringId | null
}

const isLinear = (role: WeightRole): boolean => role === 'matmul' || role === 'gemm'

export const forms: ReadonlyMap<string, Form> = new Map(
  (
    [
      {
        id: 'matmul-nbits',
        packing: 'onnx/nbits',
        loweringFor: (role) => (isLinear(role) ? 'onnx/matmul-nbits' : role === 'gather' ? 'onnx/gather-block' : null),
      },
      {
        id: 'matmul-bnb4',
        packing: 'onnx/bnb4',
        loweringFor: (role) => (isLinear(role) ? 'onnx/matmul-bnb4' : null),
      },
      { id: 'lookup', packing: 'onnx/lookup', loweringFor: () => 'onnx/lookup' },
      {
        id: 'matmul-integer-rows',
        packing: 'onnx/kn-s8',
        loweringFor: (role) => (isLinear(role) ? 'onnx/matmul-integer-rows' : null),
      },
      {
        id: 'matmul-integer',
        packing: 'onnx/kn',
        loweringFor: (role) => (isLinear(role) ? 'onnx/matmul-integer' : null),
      },
      {
        id: 'dynamic-matmul',
        packing: 'onnx/kn',
        loweringFor: (role) => (isLinear(role) ? 'onnx/dynamic-matmul' : null),
      },
      {
        id: 'dynamic-lstm',
        packing: 'onnx/lstm',
        loweringFor: (role) => (role === 'lstm-w' || role === 'lstm-r' ? 'onnx/dynamic-lstm' : null),
      },
      {
        id: 'gather-rows',
        packing: 'onnx/elements',
        loweringFor: (role) => (role === 'gather' ? 'onnx/gather-rows' : null),
      },
      {
        id: 'gather-block',
        packing: 'onnx/gather-block',
        loweringFor: (role) => (role === 'gather' ? 'onnx/gather-block' : null),
      },
      { id: 'expand', packing: 'onnx/elements', loweringFor: () => 'onnx/expand' },
      { id: 'dequantize', packing: 'onnx/elements', loweringFor: () => 'onnx/dequantize' },
      { id: 'half', packing: null, loweringFor: () => 'onnx/half' },
    ] satisfies Form[]
  ).map((form) => [form.id, form as Form]),
)

/** What a weight is used as, over all its uses. */
export type Part = 'linear' | 'tied' | 'table' | 'lstm' | 'recurrent' | 'convolution' | 'bias' | 'other'

export function partOf(weight: WeightFacts): Part {
  const roles = new Set(weight.uses.map((use) => use.role))
  const every = (...wanted: WeightRole[]): boolean => [...roles].every((role) => wanted.includes(role))
  if (roles.size === 0) return 'other'
  if (every('matmul', 'gemm')) return 'linear'
  if (every('gather')) return 'table'
  if (every('matmul', 'gemm', 'gather')) return 'tied'
  if (every('lstm-w') || every('lstm-r')) return 'lstm'
  if (every('gru-w') || every('gru-r') || every('rnn-w') || every('rnn-r')) return 'recurrent'
  if (every('conv', 'conv-transpose')) return 'convolution'
  if (every('bias')) return 'bias'
  return 'other'
}

/** Uses grouped by the lowering a form gives them; null when one use does not fit. */
export function usesByLowering(form: Form, uses: readonly WeightUse[]): Map<LoweringId, WeightUse[]> | null {
  const grouped = new Map<LoweringId, WeightUse[]>()
  for (const use of uses) {
    const id = form.loweringFor(use.role)
    if (!id) return null
    const list = grouped.get(id)
    if (list) list.push(use)
    else grouped.set(id, [use])
  }
  return grouped
}
