import type { Node } from '../../model/graph.ts'
import { graphAttribute } from '../attributes.ts'
import type { Scope } from '../walk.ts'
import { bodiesOf, isStandard } from '../walk.ts'

/** Values that If, Loop or Scan hand in and out under one type. */
export interface Tie {
  /** Inputs of the node. */
  readonly given: readonly number[]
  /** Inputs of its body. */
  readonly inside: readonly { readonly scope: Scope; readonly name: string }[]
  /** Outputs of its bodies: scope and position. */
  readonly results: readonly { readonly scope: Scope; readonly index: number }[]
  /** Outputs of the node. */
  readonly outputs: readonly number[]
}

/** True for nodes whose bodies are understood. */
export function isControl(node: Node): boolean {
  return isStandard(node) && (node.op === 'If' || node.op === 'Loop' || node.op === 'Scan') && bodiesOf(node).length > 0
}

/** What is tied to what by a node with bodies. */
export function tiesOf(node: Node, scopeOf: (node: Node, step: string) => Scope | undefined, opset: number): Tie[] {
  if (node.op === 'If') {
    const bodies = ['then_branch', 'else_branch'].flatMap((step) => scopeOf(node, step) ?? [])
    return node.outputs.map((_, index): Tie => {
      return { given: [], inside: [], results: bodies.map((scope) => ({ scope, index })), outputs: [index] }
    })
  }
  const body = graphAttribute(node, 'body') && scopeOf(node, 'body')
  if (!body) return []
  const isLoop = node.op === 'Loop'
  // Before 9, Scan took the lengths of sequences first.
  const before = isLoop ? 0 : opset < 9 ? 1 : 0
  const ties: Tie[] = []
  const inputs = body.inputs.length
  const states = isLoop ? inputs : inputs - scansOf(node, inputs)
  for (const [index, name] of body.inputs.entries()) {
    const results = isLoop ? index - 1 : index
    const carried = index < states && (!isLoop || index >= 2)
    ties.push({
      given: [index + before],
      inside: [{ scope: body, name }],
      results: carried ? [{ scope: body, index: results }] : [],
      outputs: carried ? [isLoop ? index - 2 : index] : [],
    })
  }
  const first = isLoop ? Math.max(1, inputs - 1) : states
  for (let index = first; index < body.outputs.length; index++) {
    ties.push({ given: [], inside: [], results: [{ scope: body, index }], outputs: [isLoop ? index - 1 : index] })
  }
  return ties
}

function scansOf(node: Node, most: number): number {
  const attribute = node.attributes.find(({ name }) => name === 'num_scan_inputs')
  return attribute?.kind === 'int' ? Math.min(most, Math.max(0, Number(attribute.value))) : most
}
