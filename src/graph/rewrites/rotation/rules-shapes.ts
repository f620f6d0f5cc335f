import type { Node } from '../../../model/graph.ts'
import { intAttribute, intsAttribute } from '../../attributes.ts'
import { type Along, input, isFull, type Link, type Links, output, type Port, type Rule } from './axis.ts'

const UNKNOWN = 'axes that are not known'

const across = (port: Port, along: Along, fromEnd = along.fromEnd): readonly Link[] => [
  { port: port.side === 'in' ? output(0) : input(0), fromEnd, part: along.part, how: 'same' },
]

export const transpose: Rule = (node, scope, port, along, facts) => {
  const rank = facts.rank(scope, node.inputs[0]) ?? facts.rank(scope, node.outputs[0])
  const perm =
    intsAttribute(node, 'perm') ??
    (rank === undefined ? undefined : Array.from({ length: rank }, (_, i) => rank - 1 - i))
  if (perm === undefined) return UNKNOWN
  const axis = perm.length - along.fromEnd
  const to = port.side === 'in' ? perm.indexOf(axis) : (perm[axis] ?? -1)
  return to < 0 ? UNKNOWN : across(port, along, perm.length - to)
}

/** Elements stay in order: runs that divide both axes stay whole. */
export const reshape: Rule = (node, scope, port, along, facts) => {
  if (port.index !== 0) return UNKNOWN
  if (!isFull(along)) {
    const [before, after] = [node.inputs[0] ?? '', node.outputs[0] ?? ''].map((name) => facts.size(scope, name, 1))
    return along.fromEnd === 1 && before != null && before === after ? across(port, along) : `${node.op} of a part`
  }
  if (along.fromEnd === 1) {
    if (node.op === 'Flatten') {
      const axis = facts.axisFromEnd(scope, intAttribute(node, 'axis', 1), node.inputs[0] ?? '')
      if (axis !== null && axis < 1) return 'Flatten behind its last axis'
    }
    return across(port, along).map((link) => ({ ...link, how: 'resized' }))
  }
  const [from, to] = port.side === 'in' ? [node.inputs[0], node.outputs[0]] : [node.outputs[0], node.inputs[0]]
  const fromEnd = sameAxis(facts.shape(scope, from ?? ''), facts.shape(scope, to ?? ''), along.fromEnd)
  return fromEnd === null ? 'Reshape of an inner axis' : across(port, along, fromEnd)
}

/** The axis that lies where one of another shape with the same elements lies: as long, with as many elements behind it. */
function sameAxis(
  from: readonly (number | null)[] | undefined,
  to: readonly (number | null)[] | undefined,
  fromEnd: number,
): number | null {
  const size = from?.at(-fromEnd)
  if (from === undefined || to === undefined || size == null || fromEnd > from.length) return null
  let behind: number | null = 1
  for (const one of from.slice(from.length - fromEnd + 1))
    behind = behind === null || one === null ? null : behind * one
  if (behind === null) return null
  let passed: number | null = 1
  for (let at = 1; at <= to.length && passed !== null; at++) {
    const one: number | null = to.at(-at) ?? null
    if (passed === behind && one === size) return at
    passed = one === null ? null : passed * one
  }
  return null
}

export const squeeze: Rule = (node, scope, port, along, facts) => {
  if (port.index !== 0) return UNKNOWN
  const inserts = node.op === 'Unsqueeze'
  const axes = facts.axesFromEnd(scope, node, {
    attribute: 'axes',
    input: 1,
    of: (inserts ? node.outputs[0] : node.inputs[0]) ?? '',
  })
  if (axes === null) return UNKNOWN
  const ones = new Set(axes)
  // From the side without the axes of length one to the other, or back.
  const toLong = inserts === (port.side === 'in')
  if (!toLong) {
    if (ones.has(along.fromEnd)) return `${node.op} of the axis itself`
    return across(port, along, along.fromEnd - [...ones].filter((axis) => axis < along.fromEnd).length)
  }
  let long = 0
  for (let short = 0; short < along.fromEnd; ) if (!ones.has(++long)) short++
  return across(port, along, long)
}

/** Repeats along other axes. */
export const repeat: Rule = (node, scope, port, along, facts) => {
  if (port.index !== 0) return UNKNOWN
  if (node.op === 'Tile') {
    const times = facts.integers(scope, node.inputs[1])
    if (times?.at(-along.fromEnd) !== 1) return 'Tile along the axis'
  }
  return across(port, along)
}

/** Means and sums over other axes. */
export const reduce: Rule = (node, scope, port, along, facts) => {
  const axes = facts.axesFromEnd(scope, node, { attribute: 'axes', input: 1, of: node.inputs[0] ?? '' })
  if (axes === null || axes.includes(1)) return `${node.op} over the axis`
  return along.fromEnd === 1 && port.index === 0 ? across(port, along) : `${node.op} in between`
}

export const gather: Rule = (node, scope, port, along, facts) => {
  if (port.side === 'in' && port.index !== 0) return 'numbers of a Gather'
  const axis = intAttribute(node, 'axis', 0)
  const data = facts.axisFromEnd(scope, axis, node.inputs[0] ?? '') ?? (axis === 0 ? Number.POSITIVE_INFINITY : null)
  if (data === null) return UNKNOWN
  if (along.fromEnd < data) return across(port, along)
  const indices = facts.rank(scope, node.inputs[1])
  if (indices === undefined) return UNKNOWN
  const fromEnd = along.fromEnd + (port.side === 'in' ? indices - 1 : 1 - indices)
  const isGathered = port.side === 'in' ? along.fromEnd === data : along.fromEnd < data + indices
  return isGathered ? 'Gather along the axis' : across(port, along, fromEnd)
}

export const concat: Rule = (node, scope, port, along, facts) => {
  const axis = intAttribute(node, 'axis')
  if (axis === undefined) return UNKNOWN
  const known = [...node.inputs, ...node.outputs].find((name) => facts.rank(scope, name) !== undefined)
  const at = facts.axisFromEnd(scope, axis, known ?? '')
  if (at === null) return UNKNOWN
  if (at === along.fromEnd) return 'Concat along the axis'
  const all = [output(0), ...node.inputs.map((_, index) => input(index))]
  return all
    .filter((one) => one.side !== port.side || one.index !== port.index)
    .map((one): Link => ({ port: one, ...along, how: 'same' }))
}

export const split: Rule = (node, scope, port, along, facts) => {
  if (port.side === 'in' && port.index !== 0) return UNKNOWN
  const name = node.inputs[0] ?? ''
  const at = facts.axisFromEnd(scope, intAttribute(node, 'axis', 0), name)
  if (at === null) return UNKNOWN
  if (at !== along.fromEnd) {
    if (port.side === 'out') return [...across(port, along), ...restOf(node, port, along)]
    return node.outputs.map((_, index): Link => ({ port: output(index), ...along, how: 'same' }))
  }
  const total = facts.size(scope, name, at)
  const sizes =
    intsAttribute(node, 'split') ??
    facts.integers(scope, node.inputs[1]) ??
    (total === null ? undefined : node.outputs.map(() => total / node.outputs.length))
  if (sizes === undefined || sizes.length !== node.outputs.length || !sizes.every(Number.isSafeInteger))
    return 'Split into unknown parts'
  const starts = sizes.map((_, index) => sizes.slice(0, index).reduce((sum, one) => sum + one, 0))
  return cut(
    port,
    along,
    sizes.map((size, index) => ({ start: starts[index] as number, end: (starts[index] as number) + size })),
  )
}

const restOf = (node: Node, port: Port, along: Along): readonly Link[] =>
  node.outputs.flatMap((name, index) =>
    name === '' || index === port.index ? [] : [{ port: output(index), ...along, how: 'same' as const }],
  )

export const slice: Rule = (node, scope, port, along, facts) => {
  if (port.index !== 0) return UNKNOWN
  const list = (attribute: string, index: number): readonly number[] | undefined =>
    intsAttribute(node, attribute) ?? facts.integers(scope, node.inputs[index])
  const hasAxes = intsAttribute(node, 'axes') !== undefined || (node.inputs[3] ?? '') !== ''
  const starts = list('starts', 1)
  const axes = hasAxes
    ? facts.axesFromEnd(scope, node, { attribute: 'axes', input: 3, of: node.inputs[0] ?? '' })
    : starts?.map((_, axis) => facts.axisFromEnd(scope, axis, node.inputs[0] ?? '') ?? 0)
  if (axes == null || axes.includes(0)) return UNKNOWN
  const at = axes.indexOf(along.fromEnd)
  if (at < 0) return across(port, along)
  const ends = list('ends', 2)
  const step = (node.inputs[4] ?? '') === '' ? 1 : facts.integers(scope, node.inputs[4])?.[at]
  const [start, end] = [starts?.[at], ends?.[at]]
  const total = facts.size(scope, node.inputs[0] ?? '', along.fromEnd)
  if (start === undefined || end === undefined || step !== 1) return 'Slice along the axis'
  const place = (one: number): number | null => {
    if (one < 0) return total === null ? null : total + one
    return total === null ? one : Math.min(one, total)
  }
  const [first, last] = [place(start), place(end)]
  if (first === null || last === null || last > 2 ** 31 || last <= first) return 'Slice along the axis'
  return cut(port, along, [{ start: first, end: last }])
}

/** Cuts along the axis: each result is a part of the whole. */
function cut(port: Port, along: Along, parts: readonly { readonly start: number; readonly end: number }[]): Links {
  if (port.side === 'out') {
    const own = parts[port.index]
    if (own === undefined || along.part !== null) return 'a part of a part'
    return [{ port: input(0), fromEnd: along.fromEnd, part: own, how: 'same' }]
  }
  const { part } = along
  if (part === null) return 'a cut along the axis'
  const links: Link[] = []
  for (const [index, own] of parts.entries()) {
    if (own.end <= part.start || part.end <= own.start) continue
    if (own.start !== part.start || own.end !== part.end) return 'a cut along the axis'
    links.push({ port: output(index), fromEnd: along.fromEnd, part: null, how: 'same' })
  }
  return links
}
