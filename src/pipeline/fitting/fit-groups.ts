import type { Unfolding } from '../../calibration/unfold.ts'
import { intAttribute, intsAttribute, stringAttribute } from '../../graph/index.ts'
import type { Model, Node, ScopePath } from '../../model/graph.ts'
import type { WeightFacts, WeightUse } from '../../model/inventory.ts'
import type { CodedSpec } from '../../model/packing.ts'
import type { MatrixView } from '../../model/scheme.ts'
import type { WeightWork } from '../plan.ts'

/** A weight that is solved by what it multiplies. */
export interface FitLayer {
  readonly work: WeightWork
  readonly spec: CodedSpec
  readonly view: MatrixView
}

/** Weights that multiply the same rows: their second moments are looked at once, and all are solved from them. */
export interface FitGroup {
  /** The value that is multiplied. */
  readonly operand: string
  readonly unfolding: Unfolding
  /** Convolution groups, each with moments of its own. */
  readonly groups: number
  /** Length of a row. */
  readonly depth: number
  readonly layers: readonly FitLayer[]
}

/** Where the codes of a product are only met by what it computes in float. */
const FORMS: ReadonlySet<string> = new Set(['matmul-nbits', 'matmul-bnb4', 'lookup', 'expand', 'dequantize'])

/** Longest row: its moments and their factor have to fit memory. */
const MOST_DEPTH = 8192

/**
 * Weights of products of one graph that data can solve, in groups that read the same value, in the order in which these are computed. Those that
 * it cannot, each with the reason; weights without a product there are in neither. A weight of several products goes by the first.
 */
export function fitGroups(
  model: Model,
  works: readonly WeightWork[],
  path: ScopePath,
): { readonly groups: readonly FitGroup[]; readonly refused: ReadonlyMap<WeightFacts, string> } {
  const groups = new Map<string, { readonly group: FitGroup; readonly layers: FitLayer[] }>()
  const refused = new Map<WeightFacts, string>()
  for (const work of works) {
    const { weight } = work
    const product = weight.uses.find(({ role, scope }) => OPERANDS.has(role) && String(scope) === String(path))
    if (work.spec.family === 'half' || product === undefined) continue
    const found = placeOf(model, work, product)
    if (typeof found === 'string') {
      refused.set(weight, found)
      continue
    }
    const { layers, ...rest } = found
    // A balance is of one weight's input alone.
    const key = JSON.stringify([rest, ...(work.balance ? [weight.name] : [])])
    const known = groups.get(key)
    if (known) known.layers.push(...layers)
    else groups.set(key, { group: found, layers: [...layers] })
  }
  const made = new Map<string, number>()
  for (const [index, node] of model.graph.nodes.entries()) for (const name of node.outputs) made.set(name, index)
  const order = (group: FitGroup): number => made.get(group.operand) ?? -1
  const sorted = [...groups.values()].map(({ group, layers }): FitGroup => ({ ...group, layers }))
  return { groups: sorted.sort((a, b) => order(a) - order(b)), refused }
}

/** By role, the input of the node that the weight multiplies. */
const OPERANDS: ReadonlyMap<string, number> = new Map([
  ['matmul', 0],
  ['gemm', 0],
  ['matmul-left', 1],
  ['gemm-left', 1],
  ['conv', 0],
])

/** True for what a product multiplies, in whatever graph: one of the weights that `fitGroups` speaks of. */
export function isFitProduct({ spec, weight }: WeightWork): boolean {
  return spec.family !== 'half' && weight.uses.some(({ role }) => OPERANDS.has(role))
}

/** Why a weight cannot be solved as one matrix of a product, of what it tells by itself; null: nothing is in the way. */
export function whyNoFit({ weight, form }: WeightWork): string | null {
  if (!FORMS.has(form)) return 'its activations are rounded at run time'
  if (weight.uses.some(({ role }) => role === 'gather')) return 'it is also a table, whose rows are read as they are'
  if (weight.uses.some(({ role }) => !OPERANDS.has(role))) return 'it is not only the weight of products'
  return weight.uses.some(({ view }) => view?.stack !== 1) ? 'it is a stack of matrices' : null
}

function placeOf(model: Model, work: WeightWork, use: WeightUse): FitGroup | string {
  const { weight, spec } = work
  const why = whyNoFit(work)
  if (why !== null) return why
  if (spec.family !== 'half' && spec.granularity.kind === 'tensor') return 'all of it has one scale'
  const { view, node, role } = use
  if (view === null) return 'it is a stack of matrices'
  const constants = constantNames(model)
  const operand = node.inputs[OPERANDS.get(role) as number] ?? ''
  if (operand === '' || constants.has(operand)) return 'it multiplies a constant'
  const groups = role === 'conv' ? intAttribute(node, 'group', 1) : 1
  if (groups < 1 || view.channels % groups !== 0) return 'its channels do not divide into its groups'
  if (role === 'conv' && view.along !== 'row') return 'its rows are not kept together'
  if (view.depth > MOST_DEPTH) return `rows of more than ${MOST_DEPTH} elements`
  return {
    operand,
    unfolding: unfoldingOf(node, role, weight),
    groups,
    depth: view.depth,
    layers: [{ work, spec: spec as CodedSpec, view }],
  }
}

function constantNames({ graph }: Model): ReadonlySet<string> {
  const names = new Set(graph.initializers.map(({ name }) => name))
  for (const node of graph.nodes) if (node.op === 'Constant') for (const name of node.outputs) names.add(name)
  return names
}

function unfoldingOf(node: Node, role: WeightUse['role'], { shape }: WeightFacts): Unfolding {
  if (role === 'conv') {
    const auto = stringAttribute(node, 'auto_pad', 'NOTSET')
    return {
      kind: 'conv',
      groups: intAttribute(node, 'group', 1),
      kernel: shape.slice(2),
      strides: intsAttribute(node, 'strides') ?? [],
      dilations: intsAttribute(node, 'dilations') ?? [],
      pads:
        auto === 'SAME_UPPER' || auto === 'SAME_LOWER' || auto === 'VALID' ? auto : (intsAttribute(node, 'pads') ?? []),
    }
  }
  // A weight on the left meets columns.
  const turned =
    role === 'matmul-left' ||
    (role === 'gemm' && intAttribute(node, 'transA', 0) !== 0) ||
    (role === 'gemm-left' && intAttribute(node, 'transB', 0) === 0)
  return { kind: 'rows', turned }
}
