import type { Node } from '../model/graph.ts'
import { bodiesOf } from './walk.ts'

/** Names a node reads, once each, those its bodies read included: more than they take from outside, which does no harm. */
export function readsOf(node: Node): readonly string[] {
  const reads = [...node.inputs]
  const bodies = [...bodiesOf(node)]
  for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
    for (const inner of body.graph.nodes) {
      reads.push(...inner.inputs)
      bodies.push(...bodiesOf(inner))
    }
    reads.push(...body.graph.outputs.map(({ name }) => name))
  }
  return [...new Set(reads)].filter((name) => name !== '')
}
