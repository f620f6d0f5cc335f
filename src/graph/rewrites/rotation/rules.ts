import type { Node } from '../../../model/graph.ts'
import { isStandard, type Scope } from '../../walk.ts'
import { type Along, type Facts, input, isFull, type Links, output, type Port, type Rule } from './axis.ts'
import { cast, multiply, passes, sum } from './rules-elements.ts'
import { attention, isNorm, norm, packedAttention } from './rules-norms.ts'
import { conv, gemm, matmul } from './rules-products.ts'
import { concat, gather, reduce, repeat, reshape, slice, split, squeeze, transpose } from './rules-shapes.ts'
import { type SpelledNorm, source } from './spelled-norms.ts'

const STANDARD: ReadonlyMap<string, Rule> = new Map([
  ['Add', sum],
  ['Sub', sum],
  ['Sum', sum],
  ['Identity', passes],
  ['Neg', passes],
  ['Dropout', passes],
  ['Cast', cast],
  ['Mul', multiply],
  ['Div', multiply],
  ['MatMul', matmul],
  ['Gemm', gemm],
  ['Conv', conv],
  ['Transpose', transpose],
  ['Reshape', reshape],
  ['Flatten', reshape],
  ['Squeeze', squeeze],
  ['Unsqueeze', squeeze],
  ['Expand', repeat],
  ['Tile', repeat],
  ['ReduceMean', reduce],
  ['ReduceSum', reduce],
  ['Gather', gather],
  ['Concat', concat],
  ['Split', split],
  ['Slice', slice],
  ['Attention', attention],
])

const MICROSOFT: ReadonlyMap<string, Rule> = new Map([
  ['FusedMatMul', matmul],
  ['GroupQueryAttention', attention],
  ['MultiHeadAttention', attention],
  ['Attention', packedAttention],
])

/** What turns with an axis at a port of a node. */
export function linksOf(node: Node, scope: Scope, port: Port, along: Along, facts: Facts): Links {
  if (node.attributes.some(({ kind }) => kind === 'ref')) return `${node.op} of a function`
  const isKnown = isStandard(node) || node.domain === 'com.microsoft'
  const rule = isNorm(node) && isKnown ? norm : (isStandard(node) ? STANDARD : MICROSOFT).get(node.op)
  return rule === undefined || !isKnown ? `${node.op} in between` : rule(node, scope, port, along, facts)
}

/** The same for a norm that is spelled out: from its input to its output, or back. */
export function spelledLinks(
  norm: SpelledNorm,
  at: { readonly node: Node; readonly scope: Scope; readonly port: Port },
  along: Along,
  facts: Facts,
): { readonly reaches: 'input' | 'output' } | string {
  if (norm.open !== null) return norm.open
  if (along.fromEnd !== 1 || !isFull(along)) return 'a norm over another axis'
  const value = facts.at(at.scope, at.node, at.port)
  if (at.port.side === 'out') return value === norm.output ? { reaches: 'input' } : 'the inside of a norm'
  const from = facts.connections.resolve(at.scope, source(value?.name ?? '', at.scope, facts.connections))
  return from === norm.input ? { reaches: 'output' } : 'the inside of a norm'
}

export { input, output }
