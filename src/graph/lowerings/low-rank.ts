import type { DType } from '../../model/dtype.ts'
import type { Node } from '../../model/graph.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { LoweringContext, PackedRefs } from '../../model/lowering.ts'
import type { Chain } from './chain.ts'
import { cast, makeNode } from './make.ts'

type LowRankRefs = NonNullable<PackedRefs['lowRank']>

/** Both factors in floats: names, and nodes of the scope of the weight. onnxruntime computes them once, when a session is made. */
export interface FloatFactors {
  readonly first: string
  readonly second: string
  readonly nodes: readonly Node[]
}

export function floatFactors(
  { first, second, scales }: LowRankRefs,
  dtype: DType,
  context: LoweringContext,
): FloatFactors {
  const [left, steps, right] = [first, second, second].map(({ name }) => context.fresh(`${name}/${dtype}`)) as [
    string,
    string,
    string,
  ]
  const nodes = [cast(first.name, left, dtype), cast(second.name, steps, dtype)]
  let by = scales.name
  if (dtype !== 'f32') {
    by = context.fresh(`${scales.name}/${dtype}`)
    nodes.push(cast(scales.name, by, dtype))
  }
  nodes.push(makeNode('Mul', [steps, by], [right]))
  return { first: left, second: right, nodes }
}

/** Nodes that add the correction of a product to it: two thin products beside it. */
export function besideProduct(
  activation: string,
  { first, second }: FloatFactors,
  codesOnly: string,
  product: string,
  context: LoweringContext,
): readonly Node[] {
  const [thin, rest] = [context.fresh(`${product}/thin`), context.fresh(`${product}/rest`)]
  return [
    makeNode('MatMul', [activation, first], [thin]),
    makeNode('MatMul', [thin, second], [rest]),
    makeNode('Add', [codesOnly, rest], [product]),
  ]
}

/** Adds the correction to the value that a chain ends in, under the name of the weight. */
export function besideValue(chain: Chain, weight: WeightFacts, refs: LowRankRefs): void {
  const last = chain.nodes.at(-1) as Node
  const codesOnly = chain.context.fresh(`${weight.name}/codes`)
  chain.nodes[chain.nodes.length - 1] = { ...last, name: `${codesOnly}/${last.op}`, outputs: [codesOnly] }
  const factors = floatFactors(refs, 'f32', chain.context)
  for (const node of factors.nodes) chain.push(node)
  let added = chain.apply('MatMul', [factors.first, factors.second])
  if (weight.shape.length !== 2) added = chain.reshape(added, weight.shape)
  chain.apply('Add', [codesOnly, chain.cast(added, 'f32', weight.dtype)], weight.name)
}
