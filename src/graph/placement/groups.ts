import type { ValueBounds } from '../../model/activation.ts'
import { hull, inside, UNBOUNDED } from './bounds.ts'
import type { Flow } from './flow.ts'
import type { Site } from './site.ts'

export interface Groups {
  /** Name of a value's group: its first value. */
  of(value: string): string
  bounds(value: string): ValueBounds
}

interface Group {
  readonly name: string
  readonly order: number
  bounds: ValueBounds
  /** What the grid must lie inside: bounds of the Relu and Clip that the pairs absorb. */
  limit: ValueBounds
}

/**
 * Values that share one grid: the two sides of a node that only moves elements, so that both pairs vanish; and the inputs of a
 * Concat that nothing else reads with its output, which saves a second rounding. Sharing never pushes a grid beyond
 * the bounds of a Relu or Clip that has to be absorbed.
 */
export function groupsOf(
  site: Site,
  values: readonly string[],
  flow: Flow,
  bounds: ReadonlyMap<string, ValueBounds>,
): Groups {
  const groups = new Map<string, Group>()
  for (const [order, name] of values.entries()) {
    const own = bounds.get(name) ?? UNBOUNDED
    const producer = site.producer(name)
    const absorbs = producer !== null && flow.steps.get(producer)?.kind === 'absorb'
    groups.set(name, { name, order, bounds: own, limit: absorbs ? own : UNBOUNDED })
  }
  const join = (a: string, b: string): void => {
    const [first, second] = [groups.get(a), groups.get(b)]
    if (first === undefined || second === undefined || first === second) return
    const [one, two] = first.order < second.order ? [first, second] : [second, first]
    const merged = hull(one.bounds, two.bounds)
    if (!inside(merged, one.limit) || !inside(merged, two.limit)) return
    one.bounds = merged
    one.limit = { min: Math.max(one.limit.min, two.limit.min), max: Math.min(one.limit.max, two.limit.max) }
    for (const [name, group] of groups) if (group === two) groups.set(name, one)
  }
  for (const { node, kind, operands, sharesHull } of flow.steps.values()) {
    for (const output of node.outputs) {
      if (output === '' || !flow.coded.has(output)) continue
      if (kind === 'pass') join(operands[0] ?? '', output)
      if (kind === 'between' && sharesHull) {
        for (const name of operands) if (site.onlyReader(name) === node) join(name, output)
      }
    }
  }
  return {
    of: (value) => groups.get(value)?.name ?? value,
    bounds: (value) => groups.get(value)?.bounds ?? UNBOUNDED,
  }
}
