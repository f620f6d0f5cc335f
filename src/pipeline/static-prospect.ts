import { scopesOf } from '../graph/index.ts'
import type { Model } from '../model/graph.ts'
import type { Inventory, WeightRole } from '../model/inventory.ts'

const PRODUCTS: ReadonlySet<string> = new Set(['Conv', 'Gemm', 'MatMul'])
const ROLES: ReadonlySet<WeightRole> = new Set<WeightRole>([
  'conv',
  'gemm',
  'gemm-left',
  'matmul',
  'matmul-left',
  'conv-transpose',
  'lstm-w',
  'lstm-r',
  'gru-w',
  'gru-r',
  'rnn-w',
  'rnn-r',
])
/** Nodes, scales and zeros around a product take about this much of a file; a float weight in 8 bits saves three quarters. */
const BYTES_AROUND = 500

/**
 * Why static integers would gain nothing on this model, in words, before anything is run; null where they may. What no target can
 * run in integers shows when operators are placed: E_PLAN there.
 */
export function staticProspect(model: Model, { weights }: Inventory): string | null {
  const ops = new Map<string, number>()
  for (const { nodes } of scopesOf(model)) for (const { op } of nodes) ops.set(op, (ops.get(op) ?? 0) + 1)
  const count = (...names: string[]) => names.reduce((sum, name) => sum + (ops.get(name) ?? 0), 0)
  const integer = count('ConvInteger', 'MatMulInteger', 'QLinearConv', 'QLinearMatMul', 'QGemm', 'MatMulIntegerToFloat')
  const stored = count('DequantizeLinear', 'MatMulNBits', 'DynamicQuantizeMatMul', 'DynamicQuantizeLSTM')
  const floats = weights.filter(
    ({ dtype, uses }) => (dtype === 'f32' || dtype === 'f16') && uses.some(({ role }) => ROLES.has(role)),
  )
  if (integer + stored > 0 && floats.length === 0)
    return `it is quantized already: ${integer + stored} nodes work on codes, and no product has a float weight`
  const products = [...PRODUCTS].reduce((sum, op) => sum + count(op), 0) + count('ConvTranspose', 'LSTM', 'GRU', 'RNN')
  if (products === 0) return 'it has no convolutions and no matrix products, and nothing else gains from integers'
  if (floats.length === 0) return 'none of its products has a constant float weight'
  const bytes = floats.reduce((sum, { byteLength }) => sum + byteLength, 0)
  const around = floats.length * BYTES_AROUND
  if (bytes * 0.75 > around) return null
  return `it is too small: its ${floats.length} float weights have ${bytes} bytes, and what integers need around them takes about ${around}`
}
