import type { FloatCode, FloatNode, Placement, StaticProduct } from '../../model/activation.ts'
import type { Model, Node } from '../../model/graph.ts'
import type { Target } from '../../model/target.ts'
import type { ReadSmall } from '../constant-nodes.ts'
import { boundsOf } from './bounds.ts'
import { dynamicLstms, floatNodes } from './float-nodes.ts'
import { type Flow, flowOf } from './flow.ts'
import { multiplyAddsOf, sharesOf } from './multiply-adds.ts'
import { looseEnd, pointsOf } from './points.ts'
import { type Candidate, candidateOf, type IntegerForm, readsCodes, takesPairs } from './products.ts'
import { Site } from './site.ts'

/** What a product is asked to be: see `ProductForm`; 'loose' is 'conv-integer' for a convolution. */
export type AskedForm = 'float' | 'loose' | 'wide' | 'dynamic' | 'dynamic-wide'

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
  /** Forms of products by label, also for those that a pattern would leave float; the others run between pairs. */
  readonly forms?: ReadonlyMap<string, AskedForm>
  /** Why a product has the form 'float', by label. */
  readonly formReasons?: ReadonlyMap<string, string>
}

/**
 * Which values of the main graph are rounded to 8-bit grids, which nodes then run in integers, which weights are stored as
 * codes, and what stays float for which reason. Expects constants folded and BatchNorm merged; what is not is left float.
 */
export async function placeActivations(model: Model, target: Target, options: PlacementOptions): Promise<Placement> {
  const site = await Site.of(model, options.readSmall, options.shapes ?? new Map())
  const candidates = candidatesOf(site, options)
  const bounds = await boundsOf(site)
  const precise = operandsOf(candidates, PRECISE)
  const flow = flowOf(site, candidates, { sums: options.sums ?? 'integer', precise })
  const loose = options.loose ?? 'conv-integer'
  const points = pointsOf(site, candidates, flow, bounds, { loose, wide: operandsOf(candidates, ['wide']) })
  const products = [...candidates.values()].map((candidate) => productOf(candidate, site, flow, loose))
  const integerNodes = [...flow.steps.keys()]
  const recurrent = dynamicLstms(site, target)
  const rounded = new Set(points.map(({ value }) => value))
  const float = floatNodes(site, candidates, flow, rounded, new Set(recurrent))
  return {
    points,
    products,
    integerNodes,
    float,
    recurrent,
    floatCounts: countsOf(float),
    multiplyAdds: sharesOf(products),
  }
}

function candidatesOf(site: Site, options: PlacementOptions): ReadonlyMap<Node, Candidate> {
  const candidates = new Map<Node, Candidate>()
  for (const node of site.nodes) {
    const candidate = candidateOf(node, site)
    if (candidate !== null) candidates.set(node, asked(candidate, site, options))
  }
  const precise = operandsOf(candidates, PRECISE)
  const read = new Set([...candidates.values()].filter(readsCodes).flatMap(({ operands }) => operands))
  for (const [node, candidate] of candidates) {
    if (!takesPairs(candidate)) continue
    // A product whose result goes to a QuantizeLinear and elsewhere is not joined to an integer operator.
    const results = candidate.biasNode?.node.outputs ?? node.outputs
    const splits = results.some(
      (name) => precise.has(name) || (candidate.op === 'Conv' && precise.has(looseEnd(name, site))),
    )
    const ends = candidate.op !== 'Conv' && results.some((name) => isCutOff(name, read, site))
    if (splits || ends) candidates.set(node, withForm(candidate, 'loose', site))
  }
  return candidates
}

/**
 * Whether onnxruntime 1.30 loses the pairs around a matrix product: it looks behind a Relu or Clip that alone reads the result for a
 * QuantizeLinear, and where another node is there, the product runs in float.
 */
function isCutOff(result: string, read: ReadonlySet<string>, site: Site): boolean {
  const [clip, ...others] = site.readers(result)
  if (clip === undefined || others.length > 0 || (clip.op !== 'Relu' && clip.op !== 'Clip')) return false
  const name = clip.outputs[0] ?? ''
  return !read.has(name) && site.readers(name).length > 0
}

/** Products that only patterns leave float, so that they can be asked for. */
const BY_PATTERN: ReadonlySet<FloatCode> = new Set(['front-end', 'expectation'])

function asked(candidate: Candidate, site: Site, options: PlacementOptions): Candidate {
  const label = site.label(candidate.node)
  if (candidate.float !== null && !BY_PATTERN.has(candidate.float.code)) return candidate
  const form = options.keep?.has(label) ? 'float' : options.forms?.get(label)
  if (form === undefined) return candidate
  if (form !== 'float') return withForm(candidate, form, site)
  if (candidate.float !== null) return candidate
  const text = options.keep?.has(label) ? 'asked to stay float' : options.formReasons?.get(label)
  return { ...candidate, float: { code: 'measured', text: text ?? 'integers cost too much of the result' } }
}

/** Scales are applied in float here, so that a stack of matrices may have one for every column. */
function withForm(candidate: Candidate, form: IntegerForm, site: Site): Candidate {
  const { op, weight } = candidate
  const stack = op === 'MatMul' && weight !== null && weight.shape.length > 2 && site.onlyReader(weight.name) !== null
  const axis = stack ? weight.shape.length - 1 : (weight?.axis ?? null)
  const { because: _because, ...rest } = candidate
  return { ...rest, weight: weight && { ...weight, axis }, form, float: null }
}

/** Forms that read 16 bits. */
const PRECISE: readonly IntegerForm[] = ['wide', 'dynamic-wide']

/** What products of some forms read. */
function operandsOf(candidates: ReadonlyMap<Node, Candidate>, forms: readonly IntegerForm[]): ReadonlySet<string> {
  const read = [...candidates.values()].filter(({ float, form }) => float === null && forms.includes(form))
  return new Set(read.flatMap(({ operands }) => operands))
}

function productOf(candidate: Candidate, site: Site, flow: Flow, loose: 'conv-integer' | 'qdq'): StaticProduct {
  const { node, op, weight, bias, depthwise, float, because } = candidate
  const integer = float === null
  return {
    node,
    label: site.label(node),
    op,
    form: integer ? formOf(candidate, flow, loose) : 'stored',
    operands: integer ? candidate.operands : [],
    weight,
    bias: integer ? bias : null,
    biasNode: integer ? (candidate.biasNode ?? null) : null,
    depthwise,
    multiplyAdds: multiplyAddsOf(candidate, site),
    ...(because === undefined || !integer ? {} : { because }),
  }
}

function formOf(
  { node, op, form }: Candidate,
  flow: Flow,
  loose: 'conv-integer' | 'qdq',
): IntegerForm | 'conv-integer' {
  if (op !== 'Conv') return form
  if (form === 'loose') return 'conv-integer'
  return form === 'qdq' && !flow.codedConvs.has(node) ? loose : form
}

function countsOf(float: readonly FloatNode[]): ReadonlyMap<FloatCode, number> {
  const counts = new Map<FloatCode, number>()
  for (const { code } of float) counts.set(code, (counts.get(code) ?? 0) + 1)
  return counts
}
