import { readsOf } from '../../graph/index.ts'
import type { Model, Node } from '../../model/graph.ts'

/** A run of nodes between two looks at a model. */
export interface Segment {
  /** In the order of the graph; nodes that depend on constants only are in every segment that reads them. */
  readonly nodes: readonly Node[]
  /** Values of earlier segments and inputs of the graph that its nodes read. */
  readonly reads: readonly string[]
  /** What it computes that is looked at after it, or read by a later one. */
  readonly gives: readonly string[]
  /** Values that are still needed behind it, of all segments up to it. */
  readonly keeps: ReadonlySet<string>
}

/**
 * A graph cut at the values of `stops`, one segment for each, in their order: every node that leads to one of them runs in exactly
 * one segment. Values must be tensors at the cuts.
 */
export function segmentsOf(model: Model, stops: readonly string[]): readonly Segment[] {
  const { nodes, inputs, initializers, sparseInitializers } = model.graph
  const constants = new Set([...initializers.map(({ name }) => name), ...sparseInitializers])
  const fed = new Set(inputs.map(({ name }) => name).filter((name) => !constants.has(name)))
  const makers = new Map<string, Node>()
  for (const node of nodes) for (const name of node.outputs) if (name !== '') makers.set(name, node)
  const reads = new Map(nodes.map((node) => [node, readsOf(node).filter((name) => makers.has(name) || fed.has(name))]))
  // Depends on nothing that is fed: computed anew wherever it is read.
  const free = new Set<Node>()
  for (const node of nodes) {
    const fixed = (reads.get(node) as string[]).every((name) => !fed.has(name) && free.has(makers.get(name) as Node))
    if (fixed && !isRandom(node)) free.add(node)
  }
  const isFree = (name: string): boolean => !fed.has(name) && free.has(makers.get(name) as Node)

  const done = new Set<Node>()
  const parts = stops.map((stop) => {
    const own = new Set<Node>()
    const open = [stop]
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const node = makers.get(name)
      if (node === undefined || own.has(node) || done.has(node) || free.has(node)) continue
      own.add(node)
      open.push(...(reads.get(node) as string[]))
    }
    for (const node of own) done.add(node)
    return own
  })
  // From the last on: what is needed behind each.
  const keeps: Set<string>[] = []
  let behind = new Set<string>()
  for (let index = stops.length - 1; index >= 0; index--) {
    keeps[index] = behind
    behind = new Set(behind)
    behind.add(stops[index] as string)
    for (const node of parts[index] as Set<Node>) for (const name of reads.get(node) as string[]) behind.add(name)
  }
  return parts.map((own, index): Segment => {
    const after = keeps[index] as Set<string>
    const outer = new Set<string>()
    const used = new Set<Node>()
    const open = [...own].flatMap((node) => reads.get(node) as string[])
    if (isFree(stops[index] as string)) open.push(stops[index] as string)
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const node = makers.get(name)
      if (node !== undefined && own.has(node)) continue
      if (!isFree(name)) outer.add(name)
      else if (!used.has(node as Node)) {
        used.add(node as Node)
        open.push(...(reads.get(node as Node) as string[]))
      }
    }
    const given = [...own].flatMap(({ outputs }) => outputs)
    const wanted = given.filter((name) => name !== '' && (after.has(name) || name === stops[index]))
    return {
      nodes: nodes.filter((node) => own.has(node) || used.has(node)),
      reads: [...outer],
      gives: [...new Set(wanted)],
      keeps: after,
    }
  })
}

function isRandom({ op }: Node): boolean {
  return op.startsWith('Random') || op === 'Bernoulli' || op === 'Multinomial'
}
