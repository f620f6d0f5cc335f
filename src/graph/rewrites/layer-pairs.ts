import type { Node } from '../../model/graph.ts'
import { intAttribute, stringAttribute } from '../attributes.ts'
import { constantTensor } from '../constant-nodes.ts'
import type { Definition } from '../consumers.ts'
import { isStandard, type Scope } from '../walk.ts'
import { biasOf, type Product, productOf } from './products.ts'
import type { Revision } from './revision.ts'

/** Two products with nothing between that would notice a positive factor per channel, and nobody else to see it. */
export interface LayerPair {
  readonly first: Product
  readonly second: Product
  /** Nodes between, in order. */
  readonly between: readonly Node[]
  /** Values from the output of the first to the input of the second. */
  readonly values: readonly string[]
}

/** f(s x) = s f(x) for s > 0, channel by channel. Pooling needs the axes of pictures. */
const HOMOGENEOUS = new Set(['Relu', 'LeakyRelu', 'PRelu', 'Identity', 'Dropout'])
const POOLS = new Set(['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'])

/** Longer chains are not followed. */
const MOST_BETWEEN = 8

/** All pairs of a model, in node order. Weights that others read are not part of any. */
export function layerPairs(revision: Revision): readonly LayerPair[] {
  const pairs: LayerPair[] = []
  for (const scope of revision.scopes) {
    for (const node of scope.nodes) {
      const first = ownProduct(node, scope, revision)
      if (first === null || first.op === 'MatMul' || biasOf(first, revision.connections).kind === 'computed') continue
      const pair = pairFrom(first, revision)
      if (pair !== null) pairs.push(pair)
    }
  }
  return pairs
}

function ownProduct(node: Node, scope: Scope, revision: Revision): Product | null {
  const product = productOf(node, scope, revision.connections)
  return product !== null && product.weight.uses.length === 1 && product.weight.outputOf.length === 0 ? product : null
}

function pairFrom(first: Product, revision: Revision): LayerPair | null {
  const { scope } = first
  const between: Node[] = []
  const values: string[] = []
  let name = first.node.outputs[0] ?? ''
  // Channels on the last of two axes instead of on axis 1 of pictures.
  let flat = first.op === 'Gemm'
  for (let step = 0; step <= MOST_BETWEEN; step++) {
    values.push(name)
    const node = onlyReader(revision.connections.own(scope).get(name), scope)
    if (node === null) return null
    const second = ownProduct(node, scope, revision)
    if (second !== null) {
      const isFlat = second.op === 'Gemm' || second.op === 'MatMul'
      const fits = isFlat === flat && second.inputChannels === first.outputChannels
      return fits ? { first, second, between, values } : null
    }
    if (!isTransparent(node, flat, scope, revision)) return null
    if (node.op === 'Flatten') flat = true
    between.push(node)
    name = node.outputs[0] ?? ''
  }
  return null
}

/** The one node that reads the value, as its first input. */
function onlyReader(value: Definition | undefined, scope: Scope): Node | null {
  const [use] = value?.uses ?? []
  const alone = value?.uses.length === 1 && value.outputOf.length === 0 && use?.inputIndex === 0
  return alone && use.scope === scope ? use.node : null
}

function isTransparent(node: Node, flat: boolean, scope: Scope, revision: Revision): boolean {
  if (!isStandard(node) || node.outputs.slice(1).some((name) => name !== '')) return false
  if (HOMOGENEOUS.has(node.op)) return node.op === 'PRelu' ? hasConstantSlope(node, scope, revision) : true
  if (flat) return false
  if (POOLS.has(node.op)) return true
  if (node.op === 'Flatten') return intAttribute(node, 'axis', 1) === 1
  return node.op === 'Pad' && stringAttribute(node, 'mode', 'constant') !== 'constant'
}

function hasConstantSlope(node: Node, scope: Scope, { connections }: Revision): boolean {
  const definition = connections.resolve(scope, node.inputs[1] ?? '')
  return definition !== undefined && constantTensor(definition) !== null
}
