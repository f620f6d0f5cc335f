import type { Node } from '../model/graph.ts'
import { intsAttribute } from './attributes.ts'
import { constantTensor } from './constant-nodes.ts'
import type { Connections, Definition } from './consumers.ts'
import { longAxes } from './matrix-roles.ts'
import { isStandard, type Scope } from './walk.ts'

/** Steps backwards and forwards through one scope, collecting nodes; Casts are passed on the way. */
export class PatternMatcher {
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

/** Axes -1, given as attribute or input; other forms (several axes, unknown) are no norms here. */
export function reducesLast(mean: Node): boolean {
  const axes = intsAttribute(mean, 'axes')
  return axes === undefined ? mean.inputs.length > 1 : axes.length === 1
}
