import type { Connections, Definition, Use } from './consumers.ts'
import { isStandard } from './walk.ts'

/** Operators that cut, join or reshape a value without computing on its elements. */
const MOVERS: ReadonlySet<string> = new Set([
  'Slice',
  'Split',
  'Concat',
  'Unsqueeze',
  'Squeeze',
  'Reshape',
  'Flatten',
  'Transpose',
  'Identity',
  'Expand',
])

/** Inputs of products that hold weights; other inputs (bias, states) are values. */
const WEIGHT_INPUTS: ReadonlyMap<string, readonly number[]> = new Map([
  ['MatMul', [0, 1]],
  ['Gemm', [0, 1]],
  ['Conv', [1]],
  ['ConvTranspose', [1]],
  ['LSTM', [1, 2]],
  ['GRU', [1, 2]],
  ['RNN', [1, 2]],
])

/**
 * Whether everything a constant's use leads to, through operators that only move elements, is the weight of a product:
 * exporters reorder gate weights with Slice and Concat at run time. False where a part of it is used as a value.
 */
export function movedIntoProduct(use: Use, connections: Connections): boolean {
  const queue: Use[] = [use]
  const visited = new Set<Definition>()
  let reached = false
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    const { node, scope, inputIndex } = at
    if (!isStandard(node)) return false
    if (WEIGHT_INPUTS.get(node.op)?.includes(inputIndex)) {
      reached = true
      continue
    }
    if (!MOVERS.has(node.op) || (inputIndex > 0 && node.op !== 'Concat')) return false
    for (const name of node.outputs) {
      const value = name === '' ? undefined : connections.own(scope).get(name)
      if (value === undefined || visited.has(value)) continue
      if (value.outputOf.length > 0) return false
      visited.add(value)
      queue.push(...value.uses)
    }
  }
  return reached
}
