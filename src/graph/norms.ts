import type { Node, ScopePath } from '../model/graph.ts'
import { intAttribute, intsAttribute } from './attributes.ts'
import { constantTensor } from './constant-nodes.ts'
import type { Connections, Definition } from './consumers.ts'
import { longAxes } from './matrix-roles.ts'
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
  const matcher = new Matcher(scope, connections)
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

/** Axes -1, given as attribute or input; other forms (several axes, unknown) are no norms here. */
function reducesLast(mean: Node): boolean {
  const axes = intsAttribute(mean, 'axes')
  return axes === undefined ? mean.inputs.length > 1 : axes.length === 1
}

function constantInput(node: Node, index: number, scope: Scope, connections: Connections): string | null {
  const definition = connections.resolve(scope, node.inputs[index] ?? '')
  return definition !== undefined && constantTensor(definition) !== null ? definition.name : null
}

function readersOf(definition: Definition | undefined): readonly Node[] {
  return [...new Set(definition?.uses.map(({ node }) => node) ?? [])]
}

/** Steps backwards and forwards through one scope, collecting nodes; Casts are passed on the way. */
class Matcher {
  readonly #scope: Scope
  readonly #connections: Connections

  constructor(scope: Scope, connections: Connections) {
    this.#scope = scope
    this.#connections = connections
  }

  /** The node that computes a value when it is of that operator. */
  maker(name: string | undefined, op: string, nodes: Node[]): Node | null {
    const node = this.#define(this.source(name ?? ''))?.node ?? null
    if (node === null || node.op !== op || !isStandard(node)) return null
    nodes.push(node)
    return node
  }

  /** The value before any Casts. */
  source(name: string): string {
    let at = name
    for (let hop = 0; hop < 4; hop++) {
      const node = this.#define(at)?.node
      if (node == null || node.op !== 'Cast' || !isStandard(node)) break
      at = node.inputs[0] ?? ''
    }
    return at
  }

  otherThanConstant(node: Node): string | null {
    const [a = '', b = ''] = node.inputs
    if (this.#isConstant(b)) return a
    return this.#isConstant(a) ? b : null
  }

  /** x for Pow(x, constant) and Mul(x, x). The exponent is a constant scalar; squares are the only norm in use. */
  squared(name: string | undefined, nodes: Node[]): string | null {
    const power = this.maker(name, 'Pow', nodes)
    if (power !== null) return this.#isConstant(power.inputs[1] ?? '') ? this.source(power.inputs[0]!) : null
    const product = this.maker(name, 'Mul', nodes)
    return product !== null && product.inputs[0] === product.inputs[1] ? this.source(product.inputs[0]!) : null
  }

  isMeanOf(mean: string | undefined, of: string | undefined, nodes: Node[]): boolean {
    const node = this.maker(mean, 'ReduceMean', nodes)
    return node !== null && this.source(node.inputs[0] ?? '') === this.source(of ?? '') && reducesLast(node)
  }

  /** The value divided by the root: x / root, or x * (1 / root). `difference` may exist twice in exported graphs. */
  divided(root: Node, difference: Node | null, centred: string, nodes: Node[]): string | null {
    const isCentred = (name: string): boolean => {
      const source = this.source(name)
      if (source === centred) return true
      const node = this.#define(source)?.node
      return (
        difference !== null &&
        node?.op === 'Sub' &&
        difference.inputs.every((input, index) => this.source(node.inputs[index] ?? '') === this.source(input))
      )
    }
    for (const node of this.#readers(root.outputs[0])) {
      const [a = '', b = ''] = node.inputs
      if (node.op === 'Div' && isCentred(a) && this.source(b) === root.outputs[0]) {
        nodes.push(node)
        return node.outputs[0] ?? null
      }
      const inverts = node.op === 'Reciprocal' || (node.op === 'Div' && this.#isConstant(a))
      if (!inverts) continue
      for (const product of this.#readers(node.outputs[0])) {
        if (product.op !== 'Mul' || !product.inputs.some(isCentred)) continue
        nodes.push(node, product)
        return product.outputs[0] ?? null
      }
    }
    return null
  }

  /** The only reader when it is `op` with a constant vector. */
  withConstant(name: string, op: string, nodes: Node[]): { readonly output: string; readonly constant: string } | null {
    const definition = this.#define(name)
    if (definition === undefined || definition.outputOf.length > 0) return null
    const readers = this.#readers(name)
    const node = readers[0]
    if (node === undefined || readers.length !== 1 || node.op !== op || !isStandard(node)) return null
    const constant = node.inputs.find((input) => this.#isVector(input))
    const output = node.outputs[0]
    if (constant === undefined || output === undefined) return null
    nodes.push(node)
    return { output, constant: this.source(constant) }
  }

  /** Readers in this scope, Casts passed. */
  #readers(name: string | undefined): readonly Node[] {
    const readers: Node[] = []
    const queue = [name ?? '']
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      for (const { scope, node } of this.#define(at)?.uses ?? []) {
        if (scope !== this.#scope) continue
        if (node.op === 'Cast' && isStandard(node) && queue.length < 8) queue.push(node.outputs[0] ?? '')
        else readers.push(node)
      }
    }
    return [...new Set(readers)]
  }

  #define(name: string): Definition | undefined {
    return name === '' ? undefined : this.#connections.resolve(this.#scope, name)
  }

  #isConstant(name: string): boolean {
    const definition = this.#define(this.source(name))
    return definition !== undefined && constantTensor(definition) !== null
  }

  #isVector(name: string): boolean {
    const definition = this.#define(this.source(name))
    const tensor = definition === undefined ? null : constantTensor(definition)
    return tensor !== null && tensor.shape.length > 0 && longAxes(tensor.shape) <= 1
  }
}
