import { type ConstantFacts, HalfLayout, type HalfWish, keyOf, nodeKey, type Risks } from '../../graph/half/index.ts'
import { constantTensor } from '../../graph/index.ts'
import type { Model } from '../../model/graph.ts'
import type { Reason } from '../../model/plan.ts'
import { tensorKey } from '../tensor-key.ts'

/** What computes in f16 and what does not, by names: it holds for the model before and after weights got other forms. */
export interface HalfPlan {
  readonly doors: 'kept' | 'f16'
  /** Why a node computes in f32, by the key of its first output. */
  readonly nodes: ReadonlyMap<string, Reason>
  /** Why a value is never f16. */
  readonly values: ReadonlyMap<string, Reason>
  /** What constants become, by `tensorKey`. */
  readonly constants: ReadonlyMap<string, HalfConstant>
}

export interface HalfConstant {
  /** Null: stored in f16. */
  readonly keep: Reason | null
}

export function wishOf(plan: HalfPlan): HalfWish {
  return {
    doors: plan.doors,
    keeps: (scope, node) => {
      const key = nodeKey(scope, node)
      return key !== null && plan.nodes.has(key)
    },
    isSingle: (definition) => plan.values.has(keyOf(definition)),
  }
}

/** Constants up to this many elements stay f32 where an f32 reader wants their digits. */
const FEW_ELEMENTS = 4096

/** Where only the operator is in the way, a Cast in front of it pays from here on. */
const LEAST_CAST = 512

/** The plan for a model, and its layout. */
export function halfPlanOf(
  model: Model,
  risks: Risks,
  doors: HalfPlan['doors'],
  facts: ReadonlyMap<string, ConstantFacts>,
): { readonly plan: HalfPlan; readonly layout: HalfLayout } {
  const draft: HalfPlan = { doors, nodes: risks.nodes, values: risks.values, constants: new Map() }
  const layout = new HalfLayout(model, wishOf(draft))
  const constants = new Map<string, HalfConstant>()
  for (const definition of layout.connections.definitions) {
    const tensor = constantTensor(definition)
    if (tensor === null || tensor.dtype !== 'f32') continue
    const key = tensorKey(definition.scope.path, definition.name)
    let halves = 0
    let single: Reason | null = null
    for (const { scope, node, inputIndex } of definition.uses) {
      const wanted = layout.wanted(node, inputIndex)
      if (wanted === 'f16') halves++
      if (wanted !== 'f32') continue
      const node32 = risks.nodes.get(nodeKey(scope, node) ?? '')
      single ??= node32 ?? { code: 'target', text: `${node.op} takes f32 here` }
    }
    constants.set(key, { keep: keepReason(halves, single, tensor.shape, facts.get(keyOf(definition))) })
  }
  return { plan: { ...draft, constants }, layout }
}

function keepReason(
  halves: number,
  single: Reason | null,
  shape: readonly number[],
  facts: ConstantFacts | undefined,
): Reason | null {
  if (facts !== undefined && !facts.finite) {
    return { code: 'nonfinite', text: 'it holds infinities: written as they are' }
  }
  if (facts !== undefined && facts.largest > 65504) {
    return single ?? { code: 'range', text: `holds ${facts.largest}, more than f16 can (65504)` }
  }
  if (facts !== undefined && facts.loss > LOSSY) return single ?? { code: 'range', text: 'too small for f16' }
  if (single === null) return halves > 0 ? null : { code: 'not-float', text: 'nothing computes with it in f16' }
  const elements = shape.reduce((product, size) => product * size, 1)
  return elements <= (single.code === 'target' ? LEAST_CAST : FEW_ELEMENTS) ? single : null
}

/** As where nodes are kept for it. */
const LOSSY = 1 / 65536
