import type { ActivationPoint, PointCode, StaticProduct, ValueBounds } from '../../model/activation.ts'
import type { Node } from '../../model/graph.ts'
import { UNBOUNDED } from './bounds.ts'
import type { Flow } from './flow.ts'
import { groupsOf } from './groups.ts'
import { type Candidate, readsCodes, takesPairs } from './products.ts'
import type { Site } from './site.ts'

export interface PointOptions {
  readonly loose: 'conv-integer' | 'qdq'
  /** Values that wide products read. */
  readonly wide: ReadonlySet<string>
}

/** Rounded values in file order; where a value has two points, the one of 8 bits comes first. */
export function pointsOf(
  site: Site,
  candidates: ReadonlyMap<Node, Candidate>,
  flow: Flow,
  bounds: ReadonlyMap<string, ValueBounds>,
  options: PointOptions,
): readonly ActivationPoint[] {
  const reasons = reasonsOf(site, candidates, flow, options)
  const groups = groupsOf(site, [...reasons.keys()], flow, bounds)
  const joined = new Set<Node | null>()
  for (const candidate of candidates.values()) {
    if (takesPairs(candidate)) joined.add(candidate.biasNode?.rank === 2 ? candidate.biasNode.node : candidate.node)
  }
  const taken = new Set([...reasons.keys(), ...options.wide])
  const points: ActivationPoint[] = []
  for (const value of [...site.scope.inputs, ...site.nodes.flatMap((node) => node.outputs)]) {
    const because = reasons.get(value)
    if (because !== undefined) {
      points.push({
        value,
        group: groups.of(value),
        bounds: groups.bounds(value),
        // A product whose result goes to a QuantizeLinear and elsewhere is not joined to an integer operator.
        readers: because.code === 'operand' && !joined.has(site.producer(value)) ? 'products' : 'all',
        because,
      })
    }
    if (options.wide.has(value)) {
      points.push({
        value,
        group: wideName(value, taken),
        precision: 'wide',
        bounds: bounds.get(value) ?? UNBOUNDED,
        readers: 'products',
        because: { code: 'operand', text: 'read with 16 bits by a product' },
      })
    }
  }
  return points
}

/** Groups of the points that each operand of a product has, in their order; undefined where it has none. */
export function operandGroups(
  points: readonly ActivationPoint[],
): (product: StaticProduct) => readonly (string | undefined)[] {
  const narrow = new Map<string, string>()
  const wide = new Map<string, string>()
  for (const { value, group, precision } of points) (precision === 'wide' ? wide : narrow).set(value, group)
  return ({ form, operands }) => {
    const of = form === 'wide' ? wide : narrow
    return operands.map((name) => (form === 'dynamic' || form === 'dynamic-wide' ? undefined : of.get(name)))
  }
}

/** Groups are named after values; this one must not be. */
function wideName(value: string, taken: ReadonlySet<string>): string {
  let name = `${value}/wide`
  while (taken.has(name)) name = `${name}_`
  return name
}

/** Values with points of 8 bits, and their reasons. */
function reasonsOf(
  site: Site,
  candidates: ReadonlyMap<Node, Candidate>,
  flow: Flow,
  { loose }: PointOptions,
): ReadonlyMap<string, ActivationPoint['because']> {
  const reasons = new Map<string, ActivationPoint['because']>()
  const read = new Set<string>()
  for (const candidate of candidates.values()) {
    if (readsCodes(candidate)) for (const name of candidate.operands) read.add(name)
  }
  const add = (name: string, code: PointCode, text: string): void => {
    if (name !== '' && !reasons.has(name)) reasons.set(name, { code, text })
  }
  for (const name of site.scope.inputs) if (read.has(name)) add(name, 'operand', 'an input that a product reads')
  for (const node of site.nodes) {
    const step = flow.steps.get(node)
    for (const name of node.outputs) {
      if (flow.coded.has(name)) {
        if (flow.absorbed.has(name)) continue
        if (step === undefined && !candidates.has(node))
          add(name, 'between', `${node.op} of codes and floats gives codes`)
        else if (step === undefined || step.kind === 'absorb') add(name, 'result', 'what an integer operator gives')
        else if (step.kind === 'pass') add(name, 'moved', `the same elements behind ${node.op}`)
        else add(name, 'between', `${node.op} reads and gives codes`)
      } else if (read.has(name)) add(name, 'operand', 'computed in float, read by a product')
      else if (loose === 'qdq' && takesPairs(candidates.get(node)) && node.op === 'Conv') {
        add(looseEnd(name, site), 'result', 'what an integer operator gives')
      }
    }
  }
  return reasons
}

/** The value behind the Relu or Clip that alone reads a convolution, else its own result. */
export function looseEnd(name: string, site: Site): string {
  const reader = site.onlyReader(name)
  return reader !== null && (reader.op === 'Relu' || reader.op === 'Clip') ? (reader.outputs[0] ?? name) : name
}
