import type { Model, Node } from '../../model/graph.ts'
import { isConstantNode } from '../constant-nodes.ts'
import { type Connections, connect, type Definition } from '../consumers.ts'
import { rebuild, type ScopeChange } from '../rebuild.ts'
import { isStandard, operatorName, type Scope, scopesOf } from '../walk.ts'
import { dequantizedValue, quantizedValue } from './activation-pairs.ts'
import { removeLeftovers, unreadValues } from './clean-up.ts'
import { type ConstantFact, type ConstantFacts, constantFacts } from './constant-facts.ts'
import { dynamicLstm } from './dynamic-lstm.ts'
import { dynamicMatmul, integerToFloat } from './dynamic-matmul.ts'
import { gatherBlock } from './gather-block.ts'
import { gatherRows } from './gather-rows.ts'
import { integerProduct } from './integer-product.ts'
import { Lifter } from './lifter.ts'
import { matmulBnb4 } from './matmul-bnb4.ts'
import { matmulNBits } from './matmul-nbits.ts'
import { movement } from './movement.ts'
import { NodeSite } from './node-site.ts'
import { positions } from './positions.ts'
import { qattention } from './qattention.ts'
import { qlinearConcat, qlinearElementwise, qlinearWhere } from './qlinear-elementwise.ts'
import { qgemm, qlinearConv, qlinearMatmul } from './qlinear-product.ts'
import { quantizedAgain } from './quantized-again.ts'
import { isQuantized, whyKept } from './quantized-operators.ts'
import type { Lifting } from './site.ts'
import type { KeptNode, LiftedModel, LiftPorts } from './types.ts'

const LIFTINGS: readonly Lifting[] = [
  quantizedValue,
  dequantizedValue,
  gatherRows,
  movement,
  positions,
  matmulNBits,
  matmulBnb4,
  gatherBlock,
  integerProduct,
  dynamicMatmul,
  integerToFloat,
  dynamicLstm,
  qlinearMatmul,
  qlinearConv,
  qgemm,
  qlinearElementwise,
  qlinearConcat,
  qlinearWhere,
  qattention,
]

const BY_OPERATOR = new Map<string, Lifting[]>()
for (const lifting of LIFTINGS) {
  for (const operator of lifting.operators) BY_OPERATOR.set(operator, [...(BY_OPERATOR.get(operator) ?? []), lifting])
}

/**
 * A quantized graph back to plain float, with the same inputs and outputs: weights become float initializers, given as recipes
 * over the stored tensors, and activations are no longer quantized. What cannot be lifted stays and is listed.
 * Nodes must be in order (as `checkGraph` leaves them). A model without quantization comes back as the same object.
 */
export async function liftModel(model: Model, ports: LiftPorts): Promise<LiftedModel> {
  const connections = connect(model)
  const facts = await constantFacts(connections, ports.readSmall)
  const lifter = new Lifter(model, connections, facts, ports)
  const places = new Map<Scope, Map<Node, readonly Node[]>>()
  const reasons = new Map<Node, string>()
  for (const scope of connections.scopes) {
    if (!inFunction(scope)) places.set(scope, await liftScope(scope, lifter, reasons))
  }
  if (lifter.tensors.length === 0 && lifter.activations.length === 0 && lifter.twins.size === 0) {
    return { model, tensors: [], activations: [], kept: keptNodes(model, reasons) }
  }
  const changed = rebuild(model, (scope) => changeOf(scope, places.get(scope), lifter, reasons), connections.scopes)
  const cleaned = removeLeftovers(changed, unreadValues(connections.definitions))
  // Nodes without names are known by their place, which changes where nodes go.
  const homes = new Map(scopesOf(cleaned).flatMap(({ path, initializers }) => initializers.map((one) => [one, path])))
  const kept = keptNodes(cleaned, reasons)
  const tensors = lifter.tensors.flatMap((tensor) => {
    const scope = homes.get(tensor.tensor)
    return scope === undefined ? [] : [{ ...tensor, scope }]
  })
  return {
    model: tensors.length === 0 && lifter.activations.length === 0 ? model : cleaned,
    tensors,
    activations: lifter.activations,
    kept,
  }
}

/** What stands at the place of each node that changes. */
async function liftScope(
  scope: Scope,
  lifter: Lifter,
  reasons: Map<Node, string>,
): Promise<Map<Node, readonly Node[]>> {
  const place = new Map<Node, readonly Node[]>()
  for (const node of scope.nodes) {
    const own = lifter.connections.own(scope).get(node.outputs[0] ?? '')
    const fact = own && lifter.facts.get(own)
    if (own !== undefined && fact?.stage === 'done') {
      if (isWanted(own, lifter.connections, lifter.facts)) {
        lifter.constant(own, fact.recipe, liftingOf(fact))
        place.set(node, [])
      }
      continue
    }
    if (place.has(node) || fact !== undefined) continue
    for (const lifting of BY_OPERATOR.get(isStandard(node) ? node.op : operatorName(node)) ?? []) {
      const site = new NodeSite(node, scope, lifter)
      const lift = await lifting.lift(site)
      if (lift === null) continue
      if ('keep' in lift) reasons.set(node, lift.keep)
      else if ('nodes' in lift) place.set(lift.at ?? node, [...site.before, ...lift.nodes])
      else {
        const codes = lifter.keepsActivations && lifting !== movement ? quantizedAgain(site, lifter) : []
        place.set(node, [...site.before, ...lift.twins, ...codes, node])
      }
      break
    }
  }
  return place
}

/** A finished constant is wanted where it is read by something else than the next step of its own form. */
function isWanted(definition: Definition, connections: Connections, facts: ConstantFacts): boolean {
  if (definition.outputOf.length > 0) return true
  return definition.uses.some(({ scope, node }) => {
    const next = connections.own(scope).get(node.outputs[0] ?? '')
    const stage = next && facts.get(next)?.stage
    return stage === undefined || stage === 'plain' || stage === 'half'
  })
}

function liftingOf({ by }: ConstantFact): string {
  if (by?.op === 'DequantizeLinear') return 'dequantize'
  return by?.op === 'Cast' ? 'half' : 'expand'
}

function changeOf(
  scope: Scope,
  place: ReadonlyMap<Node, readonly Node[]> | undefined,
  lifter: Lifter,
  reasons: Map<Node, string>,
): ScopeChange | undefined {
  if (place === undefined) return undefined
  const rename = (name: string): string => {
    const found = name === '' ? undefined : lifter.connections.resolve(scope, name)
    return found === undefined ? name : lifter.finalName(found)
  }
  const written = (name: string): string => {
    const found = name === '' ? undefined : lifter.connections.own(scope).get(name)
    return (found && lifter.produced.get(found)) ?? name
  }
  let changed = false
  const nodes = scope.nodes.flatMap((node) => {
    const there = place.get(node)
    if (there !== undefined) changed = true
    return (there ?? [node]).map((one) => {
      const inputs = one.inputs.map(rename)
      const outputs = one.outputs.map(written)
      const same =
        inputs.every((name, index) => name === one.inputs[index]) &&
        outputs.every((name, index) => name === one.outputs[index])
      if (same) return one
      changed = true
      const renamed = { ...one, inputs, outputs }
      const reason = reasons.get(one)
      if (reason !== undefined) reasons.set(renamed, reason)
      return renamed
    })
  })
  const added = lifter.added.get(scope) ?? []
  if (!changed && added.length === 0) return undefined
  if (scope.graph === null) return { nodes }
  const given = new Set(nodes.flatMap((node) => node.outputs))
  for (const { name } of scope.graph.inputs) given.add(name)
  const before = new Set(scope.nodes.flatMap((node) => node.outputs))
  const values = scope.graph.values.filter(({ name }) => given.has(name) || !before.has(name))
  return { nodes, initializers: [...scope.initializers, ...added], values }
}

function keptNodes(model: Model, reasons: ReadonlyMap<Node, string>): readonly KeptNode[] {
  const kept: KeptNode[] = []
  for (const scope of scopesOf(model)) {
    for (const node of scope.nodes) {
      if (isConstantNode(node) || !isQuantized(node)) continue
      const because = inFunction(scope)
        ? 'the body of a model-local function cannot hold initializers'
        : (reasons.get(node) ?? whyKept(node))
      kept.push({ scope: scope.path, node, because })
    }
  }
  return kept
}

function inFunction(scope: Scope): boolean {
  return scope.path[0] === 'function' && scope.path.length >= 2 && scope.graph === null
    ? true
    : rootOf(scope).body !== null
}

function rootOf(scope: Scope): Scope {
  let at = scope
  while (at.parent !== null) at = at.parent
  return at
}
