import { TersorError } from '../../errors.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import type { GraphEdit } from '../../model/graph-edit.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { Refusal } from '../../model/packing.ts'

const FLOATS = new Set(['f32', 'f16', 'bf16', 'f64'])

/** What no lowering can work with, whatever the operator. */
export function refuseWeight(weight: WeightFacts): Refusal | null {
  if (weight.pinned) {
    return { code: 'pinned', text: 'the tensor is an output of the graph or is captured under its own name' }
  }
  if (weight.spelling === 'sparse') return { code: 'sparse', text: 'sparse tensors are kept as they are' }
  if (weight.scope[0] === 'function') {
    return { code: 'function', text: 'the body of a model-local function cannot hold initializers' }
  }
  if (!FLOATS.has(weight.dtype)) return { code: 'not-float', text: `elements are ${weight.dtype}, not floats` }
  return null
}

/**
 * The edit that puts `nodes`, whose last output is the weight's own name, where the weight was:
 * in front of all others for an initializer, at the place of the node for a Constant.
 */
export function placeValue(
  weight: WeightFacts,
  nodes: readonly Node[],
  constants: readonly TensorRef[],
  opsets: NonNullable<GraphEdit['opsets']>,
): GraphEdit {
  const base = { scope: weight.scope, addInitializers: constants, opsets }
  switch (weight.spelling) {
    case 'initializer':
      return { ...base, prepend: nodes, removeInitializers: [weight.name] }
    case 'initializer-input':
      return { ...base, prepend: nodes, removeInitializers: [weight.name], removeInputs: [weight.name] }
    case 'constant-node':
      if (weight.constantNode === undefined) {
        throw new TersorError('E_INTERNAL', 'the facts of a Constant node must name the node, found none', {
          where: `tensor "${weight.name}"`,
        })
      }
      return { ...base, replace: new Map([[weight.constantNode, nodes]]) }
    case 'sparse':
      throw new TersorError('E_PLAN', 'a sparse tensor cannot be replaced', { where: `tensor "${weight.name}"` })
  }
}
