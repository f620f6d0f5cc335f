import { TersorError } from '../errors.ts'
import { scopesOf } from '../graph/index.ts'
import type { Model } from '../model/graph.ts'
import type { Inventory, WeightRole } from '../model/inventory.ts'
import type { Tools } from '../model/tools.ts'

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

export interface StaticProspect {
  /** One sentence without a full stop; `it` is the model. */
  readonly text: string
  /** There is nothing to quantize. */
  readonly isNothing: boolean
}

/**
 * Why static integers would gain little or nothing on this model, before anything is run; null where they may. What no target can
 * run in integers shows when operators are placed: E_PLAN there.
 */
export function staticProspect(model: Model, { weights }: Inventory): StaticProspect | null {
  const ops = new Map<string, number>()
  for (const { nodes } of scopesOf(model)) for (const { op } of nodes) ops.set(op, (ops.get(op) ?? 0) + 1)
  const count = (...names: string[]) => names.reduce((sum, name) => sum + (ops.get(name) ?? 0), 0)
  const integer = count('ConvInteger', 'MatMulInteger', 'QLinearConv', 'QLinearMatMul', 'QGemm', 'MatMulIntegerToFloat')
  const stored = count('DequantizeLinear', 'MatMulNBits', 'DynamicQuantizeMatMul', 'DynamicQuantizeLSTM')
  const floats = weights.filter(
    ({ dtype, uses }) => (dtype === 'f32' || dtype === 'f16') && uses.some(({ role }) => ROLES.has(role)),
  )
  if (integer + stored > 0 && floats.length === 0)
    return nothing(
      `it is quantized already: ${integer + stored} nodes work on codes, and no product has a float weight`,
    )
  const products = [...PRODUCTS].reduce((sum, op) => sum + count(op), 0) + count('ConvTranspose', 'LSTM', 'GRU', 'RNN')
  if (products === 0)
    return nothing('it has no convolutions and no matrix products, and nothing else gains from integers')
  if (floats.length === 0) return little('none of its products has a constant float weight')
  const bytes = floats.reduce((sum, { byteLength }) => sum + byteLength, 0)
  const around = floats.length * BYTES_AROUND
  if (bytes * 0.75 > around) return null
  return little(
    `it is too small: its ${floats.length} float weights have ${bytes} bytes, and what integers need around them takes about ${around}`,
  )
}

const nothing = (text: string): StaticProspect => ({ text, isNothing: true })
const little = (text: string): StaticProspect => ({ text, isNothing: false })

/** E_PLAN where there is nothing to gain; said at once, and returned for the report, where it is little. */
export function requireProspect(
  model: Model,
  inventory: Inventory,
  { notify }: Pick<Tools, 'notify'>,
): readonly string[] {
  const prospect = staticProspect(model, inventory)
  if (prospect === null) return []
  if (prospect.isNothing) {
    throw new TersorError('E_PLAN', `nothing in this model can run in integers with static ranges: ${prospect.text}`, {
      hint: 'leave it as it is',
    })
  }
  const note = `static int8 gains little on this model: ${prospect.text}`
  notify({ phase: 'prospect', done: 0, total: 0, note })
  return [note]
}
