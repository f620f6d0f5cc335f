import type { Node, ScopePath } from '../model/graph.ts'
import { intAttribute } from './attributes.ts'
import { constantTensor } from './constant-nodes.ts'
import type { Connections, Definition } from './consumers.ts'
import { PatternMatcher, reducesLast } from './norm-pattern.ts'
import { isStandard, type Scope } from './walk.ts'

/** A normalisation over the last axis, as one operator or spelled out. */
export interface NormFacts {
  readonly kind: 'layer' | 'rms'
  readonly scope: ScopePath
  /** The operator, or every node of the spelled-out form, in no particular order. */
  readonly nodes: readonly Node[]
  readonly input: string
  /** The value after scale and bias. */
  readonly output: string
  /** Constant that multiplies the normalised value (gamma); null when there is none. */
  readonly scale: string | null
  /** Constant that is added last (beta). */
  readonly bias: string | null
  /** Nodes that read the output, in the scope or in bodies inside it. */
  readonly consumers: readonly Node[]
}

/** Inputs of operators that normalise: data, scale, bias. */
const OPERATORS: ReadonlyMap<
  string,
  { readonly kind: NormFacts['kind']; readonly scale: number; readonly bias: number }
> = new Map([
  ['LayerNormalization', { kind: 'layer', scale: 1, bias: 2 }],
  ['RMSNormalization', { kind: 'rms', scale: 1, bias: -1 }],
  ['SimplifiedLayerNormalization', { kind: 'rms', scale: 1, bias: -1 }],
])
/** The same with a residual added first; the input is the sum, so it is named only when the node gives it out. */
const SKIP_OPERATORS: ReadonlyMap<
  string,
  { readonly kind: NormFacts['kind']; readonly scale: number; readonly bias: number }
> = new Map([
  ['SkipLayerNormalization', { kind: 'layer', scale: 2, bias: 3 }],
  ['SkipSimplifiedLayerNormalization', { kind: 'rms', scale: 2, bias: -1 }],
])

/**
 * All LayerNorm and RMSNorm of a model, in scope and node order. Spelled-out forms are found from their square root:
 * mean of the squares (Pow 2 or Mul by itself) of the value or of the value less its mean, plus a constant, square root,
 * then Div, or Reciprocal (or 1 / x) and Mul; then Mul by a constant, then Add of one. Casts between are passed.
 */
export function normsOf(connections: Connections): readonly NormFacts[] {
  const norms: NormFacts[] = []
  for (const scope of connections.scopes) {
    for (const node of scope.nodes) {
      const found = operatorNorm(node, scope, connections) ?? spelledNorm(node, scope, connections)
      if (found !== null) norms.push(found)
    }
  }
  return norms
}

function operatorNorm(node: Node, scope: Scope, connections: Connections): NormFacts | null {
  const plain = OPERATORS.get(node.op)
  const form = plain ?? (node.domain === 'com.microsoft' ? SKIP_OPERATORS.get(node.op) : undefined)
  if (form === undefined || (!isStandard(node) && node.domain !== 'com.microsoft')) return null
  const axis = intAttribute(node, 'axis', -1)
  const output = node.outputs[0]
  if (output === undefined || output === '' || (axis !== -1 && !isLastAxis(axis, node, scope))) return null
  const constant = (index: number): string | null => constantInput(node, index, scope, connections)
  return {
    kind: form.kind,
    scope: scope.path,
    nodes: [node],
    input: plain === undefined ? (node.outputs[3] ?? '') : (node.inputs[0] ?? ''),
    output,
    scale: constant(form.scale),
    bias: form.bias < 0 ? null : constant(form.bias),
    consumers: readersOf(connections.own(scope).get(output)),
  }
}

/** A positive axis is the last one when the scale is a vector; other ranks of scale mean several axes. */
function isLastAxis(axis: number, node: Node, scope: Scope): boolean {
  const value = scope.graph?.values.find(({ name }) => name === node.inputs[0])
  return value?.shape !== undefined && axis === value.shape.length - 1
}

function spelledNorm(root: Node, scope: Scope, connections: Connections): NormFacts | null {
  if (root.op !== 'Sqrt' || !isStandard(root)) return null
  const matcher = new PatternMatcher(scope, connections)
  const nodes: Node[] = [root]
  const sum = matcher.maker(root.inputs[0], 'Add', nodes)
  const variance = sum && matcher.otherThanConstant(sum)
  const mean = variance == null ? null : matcher.maker(variance, 'ReduceMean', nodes)
  if (mean === null || !reducesLast(mean)) return null
  const centred = matcher.squared(mean.inputs[0], nodes)
  if (centred === null) return null
  const difference = matcher.maker(centred, 'Sub', nodes)
  const isLayer = difference !== null && matcher.isMeanOf(difference.inputs[1], difference.inputs[0], nodes)
  const input = isLayer ? difference.inputs[0]! : centred
  const normalised = matcher.divided(root, isLayer ? difference : null, centred, nodes)
  if (normalised === null) return null
  const scaled = matcher.withConstant(normalised, 'Mul', nodes)
  const shifted = matcher.withConstant(scaled?.output ?? normalised, 'Add', nodes)
  const output = shifted?.output ?? scaled?.output ?? normalised
  return {
    kind: isLayer ? 'layer' : 'rms',
    scope: scope.path,
    nodes: [...new Set(nodes)],
    input: matcher.source(input),
    output,
    scale: scaled?.constant ?? null,
    bias: shifted?.constant ?? null,
    consumers: readersOf(connections.own(scope).get(output)),
  }
}

function constantInput(node: Node, index: number, scope: Scope, connections: Connections): string | null {
  const definition = connections.resolve(scope, node.inputs[index] ?? '')
  return definition !== undefined && constantTensor(definition) !== null ? definition.name : null
}

function readersOf(definition: Definition | undefined): readonly Node[] {
  return [...new Set(definition?.uses.map(({ node }) => node) ?? [])]
}
