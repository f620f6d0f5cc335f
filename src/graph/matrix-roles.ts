import type { Node } from '../model/graph.ts'
import type { WeightRole } from '../model/inventory.ts'
import { intAttribute } from './attributes.ts'
import type { AxisLabel } from './stored-axes.ts'

/** A constant's part in one node, and what each axis is, as that node sees it; no labels: no matrix view. */
export interface NodeRole {
  readonly role: WeightRole
  readonly labels: readonly AxisLabel[] | null
}

/** A vector added after a product. */
export const BIAS: NodeRole = { role: 'bias', labels: null }

/** MatMul and its fused kin; `flipped` inputs are stored with their last two axes exchanged. */
export function matmulRole(
  inputIndex: number,
  shape: readonly number[],
  flippedLeft: boolean,
  flippedRight: boolean,
): NodeRole | undefined {
  if (shape.length < 2 || inputIndex > 1) return undefined
  const lead: AxisLabel[] = shape.slice(2).map(() => 'stack')
  if (inputIndex === 1) {
    return { role: 'matmul', labels: flippedRight ? [...lead, 'channel', 'depth'] : [...lead, 'depth', 'channel'] }
  }
  return { role: 'matmul-left', labels: flippedLeft ? [...lead, 'depth', 'channel'] : [...lead, 'channel', 'depth'] }
}

export function gemmRole(node: Node, inputIndex: number, shape: readonly number[]): NodeRole | undefined {
  if (inputIndex === 2) return longAxes(shape) <= 1 ? BIAS : undefined
  if (shape.length !== 2) return undefined
  const flipped = intAttribute(node, inputIndex === 1 ? 'transB' : 'transA', 0) !== 0
  const channelsFirst = (inputIndex === 1) === flipped
  return { role: inputIndex === 1 ? 'gemm' : 'gemm-left', labels: channelsFirst ? FIRST : LAST }
}

const FIRST: readonly AxisLabel[] = ['channel', 'depth']
const LAST: readonly AxisLabel[] = ['depth', 'channel']

/** Conv: W [M, C/group, kernel...], bias [M]. */
export function convRole(inputIndex: number, shape: readonly number[]): NodeRole | undefined {
  if (inputIndex === 2) return BIAS
  if (inputIndex !== 1 || shape.length < 3) return undefined
  return { role: 'conv', labels: firstAxis(shape) }
}

/** The first axis is kept, the rest is summed over. */
export function firstAxis(shape: readonly number[]): readonly AxisLabel[] {
  return shape.map((_, axis) => (axis === 0 ? 'channel' : 'depth'))
}

/** Number of axes longer than 1. */
export function longAxes(shape: readonly number[]): number {
  return shape.filter((size) => size > 1).length
}
