import type { ValueBounds } from '../../model/activation.ts'
import type { Node } from '../../model/graph.ts'
import { floatAttribute } from '../attributes.ts'
import { isStandard } from '../walk.ts'
import type { Site } from './site.ts'

export const UNBOUNDED: ValueBounds = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY }

const UNIT: ValueBounds = { min: 0, max: 1 }

/** Fixed by the operator alone. */
const FIXED: ReadonlyMap<string, ValueBounds> = new Map([
  ['Relu', { min: 0, max: Number.POSITIVE_INFINITY }],
  ['Softplus', { min: 0, max: Number.POSITIVE_INFINITY }],
  ['Abs', { min: 0, max: Number.POSITIVE_INFINITY }],
  ['Sigmoid', UNIT],
  ['HardSigmoid', UNIT],
  ['Softmax', UNIT],
  ['Tanh', { min: -1, max: 1 }],
])

/** Results stay within what is read (and zero, for padding). */
const KEEPS = new Set([
  ...['Reshape', 'Transpose', 'Flatten', 'Squeeze', 'Unsqueeze', 'Slice', 'Gather', 'GatherElements', 'Expand', 'Tile'],
  ...['DepthToSpace', 'SpaceToDepth', 'Identity', 'Dropout', 'Split', 'MaxPool', 'Pad', 'AveragePool'],
  ...['GlobalAveragePool', 'GlobalMaxPool', 'ReduceMean', 'ReduceMax'],
])

export function hull(a: ValueBounds, b: ValueBounds): ValueBounds {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) }
}

export function inside(inner: ValueBounds, outer: ValueBounds): boolean {
  return inner.min >= outer.min && inner.max <= outer.max
}

/** Bounds of every value of the main graph that has some, in one pass in file order. */
export async function boundsOf(site: Site): Promise<ReadonlyMap<string, ValueBounds>> {
  const known = new Map<string, ValueBounds>()
  const of = (name: string): ValueBounds => known.get(name) ?? UNBOUNDED
  for (const node of site.nodes) {
    const found = isStandard(node) ? await boundsOfNode(node, of, site) : UNBOUNDED
    if (found.min > Number.NEGATIVE_INFINITY || found.max < Number.POSITIVE_INFINITY) {
      for (const name of node.outputs) if (name !== '') known.set(name, found)
    }
  }
  return known
}

/** Where a node keeps its results when what it reads lies where `of` says. */
export async function boundsOfNode(node: Node, of: (name: string) => ValueBounds, site: Site): Promise<ValueBounds> {
  const input = of(node.inputs[0] ?? '')
  const fixed = FIXED.get(node.op)
  if (node.op === 'Relu') return { min: Math.max(0, input.min), max: Math.max(0, input.max) }
  if (fixed !== undefined) return fixed
  if (node.op === 'Clip') {
    const least = await limit(node, 1, 'min', Number.NEGATIVE_INFINITY, site)
    const most = await limit(node, 2, 'max', Number.POSITIVE_INFINITY, site)
    return { min: Math.max(least, input.min), max: Math.min(most, input.max) }
  }
  if (node.op === 'Concat') return node.inputs.map(of).reduce(hull)
  if (node.op === 'Pad') return hull(input, { min: 0, max: 0 })
  return KEEPS.has(node.op) ? input : UNBOUNDED
}

async function limit(node: Node, index: number, name: string, open: number, site: Site): Promise<number> {
  const given = node.inputs[index] ?? ''
  if (given !== '') return (await site.scalar(given)) ?? open
  return floatAttribute(node, name, open)
}
