import type {
  ActivationPoint,
  FloatCode,
  FloatNode,
  Placement,
  PointCode,
  StaticProduct,
} from '../../model/activation.ts'
import type { Model, Node } from '../../model/graph.ts'
import type { Target } from '../../model/target.ts'
import type { ReadSmall } from '../constant-nodes.ts'
import { boundsOf } from './bounds.ts'
import { floatNodes } from './float-nodes.ts'
import { type Flow, flowOf } from './flow.ts'
import { groupsOf } from './groups.ts'
import { multiplyAddsOf } from './multiply-adds.ts'
import { type Candidate, candidateOf } from './products.ts'
import { Site } from './site.ts'

export interface PlacementOptions {
  /** Bytes of small constants (limits of Clip). */
  readonly readSmall: ReadSmall
  /** Shapes of values as one run gave them, where they do not follow from the inputs. */
  readonly shapes?: ReadonlyMap<string, readonly number[]>
  /** 'float': a sum gives its float result to the sums behind it. More exact, slower. Default 'integer'. */
  readonly sums?: 'integer' | 'float'
  /** What becomes of a convolution that no integer operator follows. Default 'conv-integer': codes in, float out. */
  readonly loose?: 'conv-integer' | 'qdq'
  /** Products that stay float, by label. */
  readonly keep?: ReadonlySet<string>
}

/**
 * Which values of the main graph are rounded to 8-bit grids, which nodes then run in integers, which weights are stored as
 * codes, and what stays float for which reason. Expects constants folded and BatchNorm merged; what is not is left float.
 */
export async function placeActivations(model: Model, _target: Target, options: PlacementOptions): Promise<Placement> {
  const site = await Site.of(model, options.readSmall, options.shapes ?? new Map())
  const candidates = new Map<Node, Candidate>()
  for (const node of site.nodes) {
    const candidate = candidateOf(node, site)
    if (candidate !== null) candidates.set(node, kept(candidate, site, options))
  }
  const bounds = await boundsOf(site)
  const flow = flowOf(site, candidates, { sums: options.sums ?? 'integer' })
  const loose = options.loose ?? 'conv-integer'
  const reasons = pointsOf(site, candidates, flow, loose)
  const groups = groupsOf(site, [...reasons.keys()], flow, bounds)
  const joined = new Set<Node | null>()
  for (const { node, float, biasNode } of candidates.values()) {
    if (float === null) joined.add(biasNode?.rank === 2 ? biasNode.node : node)
  }
  const points = [...reasons].map(
    ([value, because]): ActivationPoint => ({
      value,
      group: groups.of(value),
      bounds: groups.bounds(value),
      // A product whose result goes to a QuantizeLinear and elsewhere is not joined to an integer operator.
      readers: because.code === 'operand' && !joined.has(site.producer(value)) ? 'products' : 'all',
      because,
    }),
  )
  const products = [...candidates.values()].map((candidate) => productOf(candidate, site, flow, loose))
  const integerNodes = [...flow.steps.keys()]
  const float = floatNodes(site, candidates, flow, new Set(reasons.keys()))
  return { points, products, integerNodes, float, floatCounts: countsOf(float), multiplyAdds: sharesOf(products) }
}

function kept(candidate: Candidate, site: Site, { keep }: PlacementOptions): Candidate {
  if (candidate.float !== null || !keep?.has(site.label(candidate.node))) return candidate
  return { ...candidate, float: { code: 'head', text: 'asked to stay float' } }
}

/** Rounded values in file order with their reasons. */
function pointsOf(
  site: Site,
  candidates: ReadonlyMap<Node, Candidate>,
  flow: Flow,
  loose: 'conv-integer' | 'qdq',
): ReadonlyMap<string, ActivationPoint['because']> {
  const reasons = new Map<string, ActivationPoint['because']>()
  const read = new Set<string>()
  for (const { operands, float } of candidates.values()) if (float === null) for (const name of operands) read.add(name)
  const add = (name: string, code: PointCode, text: string): void => {
    if (name !== '' && !reasons.has(name)) reasons.set(name, { code, text })
  }
  for (const name of site.scope.inputs) if (read.has(name)) add(name, 'operand', 'an input that a product reads')
  for (const node of site.nodes) {
    const step = flow.steps.get(node)
    for (const name of node.outputs) {
      if (flow.coded.has(name)) {
        if (flow.absorbed.has(name)) continue
        if (step === undefined || step.kind === 'absorb') add(name, 'result', 'what an integer operator gives')
        else if (step.kind === 'pass') add(name, 'moved', `the same elements behind ${node.op}`)
        else add(name, 'between', `${node.op} reads and gives codes`)
      } else if (read.has(name)) add(name, 'operand', 'computed in float, read by a product')
      else if (loose === 'qdq' && candidates.get(node)?.float === null && node.op === 'Conv') {
        add(looseEnd(name, site), 'result', 'what an integer operator gives')
      }
    }
  }
  return reasons
}

/** The value behind the Relu or Clip that alone reads a convolution, else its own result. */
function looseEnd(name: string, site: Site): string {
  const reader = site.onlyReader(name)
  return reader !== null && (reader.op === 'Relu' || reader.op === 'Clip') ? (reader.outputs[0] ?? name) : name
}

function productOf(candidate: Candidate, site: Site, flow: Flow, loose: 'conv-integer' | 'qdq'): StaticProduct {
  const { node, op, weight, bias, depthwise, float } = candidate
  const single = op === 'Conv' && !flow.codedConvs.has(node) ? loose : 'qdq'
  return {
    node,
    label: site.label(node),
    op,
    form: float === null ? single : 'stored',
    operands: float === null ? candidate.operands : [],
    weight,
    bias: float === null ? bias : null,
    biasNode: float === null ? (candidate.biasNode ?? null) : null,
    depthwise,
    multiplyAdds: multiplyAddsOf(candidate, site),
  }
}

function countsOf(float: readonly FloatNode[]): ReadonlyMap<FloatCode, number> {
  const counts = new Map<FloatCode, number>()
  for (const { code } of float) counts.set(code, (counts.get(code) ?? 0) + 1)
  return counts
}

function sharesOf(products: readonly StaticProduct[]): Placement['multiplyAdds'] {
  let [integer, total] = [0, 0]
  for (const { multiplyAdds, op, form } of products) {
    if (op === 'ConvTranspose') continue
    if (multiplyAdds === null) return null
    total += multiplyAdds
    if (form !== 'stored') integer += multiplyAdds
  }
  return { integer, total }
}
