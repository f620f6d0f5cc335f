import type { Node } from '../../model/graph.ts'
import { familyOfNode, type Kind, operandsOf } from './operators.ts'
import { joinsBoxesAndScores } from './patterns.ts'
import { type Candidate, readsCodes, takesPairs } from './products.ts'
import type { Site } from './site.ts'

/** A node that may run between codes. */
interface Step {
  readonly node: Node
  readonly kind: Kind
  readonly operands: readonly string[]
  readonly sharesHull: boolean
}

export interface Flow {
  /** Values that exist as codes because what computes them does so in integers. */
  readonly coded: ReadonlySet<string>
  /** Values that are absorbed into the Relu or Clip behind them: coded, but without a pair of their own. */
  readonly absorbed: ReadonlySet<string>
  /** Nodes between products that run on codes: all they read is coded. */
  readonly steps: ReadonlyMap<Node, Step>
  /** Convolutions whose result is read as codes, the others give floats. */
  readonly codedConvs: ReadonlySet<Node>
}

export interface FlowOptions {
  /** 'float': sums keep their float result for the sums behind them; only products read the rounded value. */
  readonly sums: 'integer' | 'float'
  /** Values that are read with 16 bits: they stay as exact as they are computed, so nothing may give them as codes. */
  readonly precise: ReadonlySet<string>
}

/**
 * Codes flow from convolutions, which give them anyway, to products, which read them; a node in between joins when all it reads is
 * coded and something that it gives is wanted as codes. A node that cannot join makes its neighbours reconsider, so the two passes
 * are repeated until nothing changes; the set of nodes only shrinks.
 */
export function flowOf(site: Site, candidates: ReadonlyMap<Node, Candidate>, options: FlowOptions): Flow {
  let steps = stepsOf(site, options.precise)
  const read = operandsOfProducts(candidates)
  for (;;) {
    const wanted = wantedValues(site, candidates, steps)
    const { coded, codedConvs } = codedValues(site, candidates, steps, wanted, read, options)
    const left = new Map(
      [...steps].filter(([node, { operands }]) => {
        return joins(node, operands, coded, read) && node.outputs.some((name) => wanted.has(name))
      }),
    )
    if (left.size === steps.size) {
      const whole = new Map([...left].filter(([, { operands }]) => operands.every((name) => coded.has(name))))
      return { coded, codedConvs, steps: whole, absorbed: absorbedValues(site, coded, whole) }
    }
    steps = left
  }
}

/**
 * Whether what a node reads lets it give codes. A sum may read a float that is rounded for a product anyway: it takes the exact one
 * and runs in float itself, and the sums behind it stay in integers.
 */
function joins(
  { op }: Node,
  operands: readonly string[],
  coded: ReadonlySet<string>,
  read: ReadonlySet<string>,
): boolean {
  if (operands.every((name) => coded.has(name))) return true
  return (
    op === 'Add' &&
    operands.some((name) => coded.has(name)) &&
    operands.every((name) => coded.has(name) || read.has(name))
  )
}

/** Values that have codes for a product, whatever computes them. */
function operandsOfProducts(candidates: ReadonlyMap<Node, Candidate>): ReadonlySet<string> {
  const read = new Set<string>()
  for (const candidate of candidates.values()) {
    if (readsCodes(candidate)) for (const name of candidate.operands) read.add(name)
  }
  return read
}

function stepsOf(site: Site, precise: ReadonlySet<string>): ReadonlyMap<Node, Step> {
  const steps = new Map<Node, Step>()
  for (const node of site.nodes) {
    const family = familyOfNode(node)
    if (family === null || node.outputs.some((name) => precise.has(name)) || joinsBoxesAndScores(node, site)) continue
    const operands = operandsOf(node, family)
    if (operands.length === 0 || operands.some((name) => site.constant(name) !== null)) continue
    steps.set(node, { node, kind: family.kind, operands, sharesHull: family.sharesHull })
  }
  return steps
}

/** Values that a product reads as codes, or a step whose result is wanted. */
function wantedValues(
  site: Site,
  candidates: ReadonlyMap<Node, Candidate>,
  steps: ReadonlyMap<Node, Step>,
): ReadonlySet<string> {
  const wanted = new Set<string>()
  for (const node of site.nodes.toReversed()) {
    const candidate = candidates.get(node)
    const step = steps.get(node)
    if (readsCodes(candidate)) for (const name of candidate?.operands ?? []) wanted.add(name)
    else if (step && node.outputs.some((name) => wanted.has(name))) for (const name of step.operands) wanted.add(name)
  }
  return wanted
}

function codedValues(
  site: Site,
  candidates: ReadonlyMap<Node, Candidate>,
  steps: ReadonlyMap<Node, Step>,
  wanted: ReadonlySet<string>,
  read: ReadonlySet<string>,
  options: FlowOptions,
): Pick<Flow, 'coded' | 'codedConvs'> {
  const coded = new Set<string>()
  const codedConvs = new Set<Node>()
  for (const node of site.nodes) {
    const candidate = candidates.get(node)
    const step = steps.get(node)
    const given = node.outputs.filter((name) => name !== '')
    if (given.some((name) => options.precise.has(name))) continue
    if (takesPairs(candidate) && node.op === 'Conv' && given.some((name) => wanted.has(name))) {
      codedConvs.add(node)
      for (const name of given) coded.add(name)
    } else if (step && joins(node, step.operands, coded, read) && given.some((name) => wanted.has(name))) {
      if (node.op === 'Add' && options.sums === 'float') continue
      for (const name of given) coded.add(name)
    }
  }
  return { coded, codedConvs }
}

/** The pair goes behind a Relu or Clip when nothing else reads what it reads. */
function absorbedValues(site: Site, coded: ReadonlySet<string>, steps: ReadonlyMap<Node, Step>): ReadonlySet<string> {
  const absorbed = new Set<string>()
  for (const { node, kind } of steps.values()) {
    const name = node.inputs[0] ?? ''
    if (kind !== 'absorb' || !coded.has(node.outputs[0] ?? '') || site.onlyReader(name) !== node) continue
    const producer = site.producer(name)
    const source = producer === null ? undefined : steps.get(producer)
    if (producer !== null && source?.kind !== 'pass' && source?.kind !== 'absorb') absorbed.add(name)
  }
  return absorbed
}

export type { Step }
