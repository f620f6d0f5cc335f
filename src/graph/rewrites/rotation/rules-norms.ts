import type { Node } from '../../../model/graph.ts'
import { intAttribute } from '../../attributes.ts'
import type { Scope } from '../../walk.ts'
import { type Facts, input, isFull, isVector, type Link, type Links, output, type Port, type Rule } from './axis.ts'

interface NormPlaces {
  readonly data: readonly number[]
  readonly gain: number
  /** Added behind the gain. */
  readonly bias: number | null
  /** Added to the data first. */
  readonly before: number | null
  /** Output that gives the sum of the data. */
  readonly sum: number | null
  readonly centred: boolean
}

const PLACES: ReadonlyMap<string, NormPlaces> = new Map([
  ['LayerNormalization', { data: [0], gain: 1, bias: 2, before: null, sum: null, centred: true }],
  ['SimplifiedLayerNormalization', { data: [0], gain: 1, bias: null, before: null, sum: null, centred: false }],
  ['RMSNormalization', { data: [0], gain: 1, bias: null, before: null, sum: null, centred: false }],
  ['SkipLayerNormalization', { data: [0, 1], gain: 2, bias: 3, before: 4, sum: 3, centred: true }],
  ['SkipSimplifiedLayerNormalization', { data: [0, 1], gain: 2, bias: null, before: 3, sum: 3, centred: false }],
])

/** Input of the gain of a norm that is one operator. */
export const gainOf = (node: Node): number => PLACES.get(node.op)?.gain ?? 1
export const isNorm = (node: Node): boolean => PLACES.has(node.op)

/** Norms over the last axis that are one operator, with or without the sum in front. */
export const norm: Rule = (node, scope, port, along, facts) => {
  const places = PLACES.get(node.op) as NormPlaces
  if (along.fromEnd !== 1 || !isFull(along)) return `${node.op} over another axis`
  const axis = facts.axisFromEnd(scope, intAttribute(node, 'axis', -1), node.inputs[0] ?? '')
  if (axis !== 1) return `${node.op} over more than the last axis`
  if (isRead(node, 1, scope, facts) || isRead(node, 2, scope, facts)) return `statistics that ${node.op} gives out`
  const gain = facts.constant(scope, node.inputs[places.gain])
  if (gain === null || !isVector(gain)) return `the gain of ${node.op} is computed`
  const gainAt = facts.at(scope, node, input(places.gain)) ?? null
  return linksOf(node, places, gainAt, port)
}

const isRead = (node: Node, index: number, scope: Scope, facts: Facts): boolean => {
  const definition = facts.at(scope, node, output(index))
  return definition !== undefined && definition.uses.length + definition.outputOf.length > 0
}

function linksOf(node: Node, places: NormPlaces, gain: (Link['gain'] & object) | null, port: Port): Links {
  const present = (index: number | null): index is number => index !== null && (node.inputs[index] ?? '') !== ''
  const plain = (one: Port): Link => ({ port: one, fromEnd: 1, part: null, how: 'same' })
  const through = (one: Port, backwards: boolean): Link => ({
    ...{ port: one, fromEnd: 1, part: null, how: 'norm', gain },
    centred: places.centred,
    ...(backwards ? { backwards } : {}),
  })
  const stream: Port[] = [
    ...places.data.map(input),
    ...(present(places.before) ? [input(places.before)] : []),
    ...(places.sum !== null && (node.outputs[places.sum] ?? '') !== '' ? [output(places.sum)] : []),
  ]
  const results: Port[] = [output(0), ...(present(places.bias) ? [input(places.bias)] : [])]
  const is = (one: Port): boolean => one.side === port.side && one.index === port.index
  if (stream.some(is)) return [...stream.filter((one) => !is(one)).map(plain), through(output(0), false)]
  if (results.some(is)) {
    const others = results.filter((one) => !is(one)).map(plain)
    return port.side === 'out' ? [...others, through(stream[0] as Port, true)] : others
  }
  return `a part of ${node.op}`
}

/** Products of attention in one operator: what comes out are means of values, head by head. */
export const attention: Rule = (node, scope, port, along, facts) => {
  const grouped = node.op === 'GroupQueryAttention'
  const heads = intAttribute(node, node.domain === '' || node.domain === 'ai.onnx' ? 'q_num_heads' : 'num_heads')
  const isValue = (port.side === 'in' && port.index === 2) || (port.side === 'out' && port.index === 0)
  if (!isValue || along.fromEnd !== 1 || !isFull(along)) return `${node.op} in between`
  const cached = node.outputs.slice(1).some((_, index) => isRead(node, index + 1, scope, facts))
  if (cached) return 'values of attention are kept in a cache that is an output'
  if (node.op === 'MultiHeadAttention' && (node.inputs[3] ?? '') !== '') return 'MultiHeadAttention adds biases itself'
  if ((node.inputs[2] ?? '') === '' || (grouped && (node.inputs[1] ?? '') === '')) return `${node.op} on packed inputs`
  const link: Link = { port: port.side === 'in' ? output(0) : input(2), ...along, how: 'resized' }
  // Four axes: a head is the last one already.
  if (facts.rank(scope, node.inputs[2]) === 4) return [link]
  return heads === undefined || heads < 1 ? `${node.op} with unknown heads` : [{ ...link, heads }]
}

/** A packed product of Q, K and V: its input is read by it, its output is not followed. */
export const packedAttention: Rule = (node, _scope, port, along) => {
  if (port.side === 'in' && port.index < 2 && along.fromEnd === (port.index === 0 ? 1 : 2) && isFull(along))
    return [{ port: input(1 - port.index), fromEnd: port.index === 0 ? 2 : 1, part: null, how: 'contraction' }]
  return `${node.op} in between`
}
