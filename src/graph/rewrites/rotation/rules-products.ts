import { intAttribute } from '../../attributes.ts'
import { type Along, input, type Link, output, type Port, type Rule } from './axis.ts'

interface Product {
  readonly left: { readonly rows: number; readonly depth: number }
  readonly right: { readonly depth: number; readonly columns: number }
  /** What is added to the columns. */
  readonly bias: number | null
}

const same = (port: Port, fromEnd: number, along: Along): Link => ({ port, fromEnd, part: along.part, how: 'same' })
const summed = (port: Port, fromEnd: number, along: Along): Link => ({
  port,
  fromEnd,
  part: along.part,
  how: 'contraction',
})

/** Matrices: rows and columns pass, the depth of both sides is summed over. */
function linksOf({ left, right, bias }: Product, hasBias: boolean, port: Port, along: Along): readonly Link[] | string {
  const { fromEnd } = along
  if (port.side === 'out') {
    if (fromEnd === 1) {
      const links = [same(input(1), right.columns, along)]
      return bias !== null && hasBias ? [...links, same(input(bias), 1, along)] : links
    }
    if (fromEnd === 2 && !hasBias) return [same(input(0), left.rows, along)]
  } else if (port.index === 0) {
    if (fromEnd === left.depth) return [summed(input(1), right.depth, along)]
    if (fromEnd === left.rows && !hasBias) return [same(output(0), 2, along)]
  } else if (port.index === 1) {
    if (fromEnd === right.depth) return [summed(input(0), left.depth, along)]
    if (fromEnd === right.columns) {
      const links = [same(output(0), 1, along)]
      return bias !== null && hasBias ? [...links, same(input(bias), 1, along)] : links
    }
  } else if (port.index === bias && fromEnd === 1) {
    return [same(output(0), 1, along), same(input(1), right.columns, along)]
  }
  return 'a product that is rotated across its rows'
}

export const matmul: Rule = (node, scope, port, along, facts) => {
  const flips = node.op === 'FusedMatMul'
  if (flips && (intAttribute(node, 'transBatchA', 0) !== 0 || intAttribute(node, 'transBatchB', 0) !== 0))
    return 'FusedMatMul with turned batches'
  if (node.inputs.some((name) => facts.rank(scope, name) === 1)) return 'a product with a vector'
  const [a, b] = flips ? [intAttribute(node, 'transA', 0), intAttribute(node, 'transB', 0)] : [0, 0]
  return linksOf(product(a, b, null), false, port, along)
}

export const gemm: Rule = (node, _scope, port, along) => {
  const [a, b] = [intAttribute(node, 'transA', 0), intAttribute(node, 'transB', 0)]
  return linksOf(product(a, b, 2), (node.inputs[2] ?? '') !== '', port, along)
}

function product(transA: number, transB: number, bias: number | null): Product {
  return {
    left: transA === 0 ? { rows: 2, depth: 1 } : { rows: 1, depth: 2 },
    right: transB === 0 ? { depth: 2, columns: 1 } : { depth: 1, columns: 2 },
    bias,
  }
}

/** Channels are summed over; what is outside is zero, whatever way it is turned. */
export const conv: Rule = (node, scope, port, along, facts) => {
  const rank = facts.constant(scope, node.inputs[1])?.shape.length
  if (rank === undefined) return 'Conv with a computed weight'
  if (intAttribute(node, 'group', 1) !== 1) return 'Conv with groups'
  const hasBias = (node.inputs[2] ?? '') !== ''
  const links = [
    { port: output(0), fromEnd: rank - 1 },
    { port: input(1), fromEnd: rank },
    ...(hasBias ? [{ port: input(2), fromEnd: 1 }] : []),
  ]
  const isChannel =
    (port.side === 'out' && along.fromEnd === rank - 1) ||
    (port.index === 1 && along.fromEnd === rank) ||
    port.index === 2
  if (isChannel)
    return links
      .filter((link) => link.port.side !== port.side || link.port.index !== port.index)
      .map((link) => same(link.port, link.fromEnd, along))
  if (along.fromEnd !== rank - 1) return 'Conv over a rotated axis'
  return [summed(input(port.index === 0 ? 1 : 0), rank - 1, along)]
}
