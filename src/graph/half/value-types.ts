import type { DType } from '../../model/dtype.ts'
import type { Graph, Node } from '../../model/graph.ts'
import { attributeOf, graphAttribute, intAttribute, tensorAttribute } from '../attributes.ts'
import { constantTensor, isConstantNode } from '../constant-nodes.ts'
import type { Connections, Definition } from '../consumers.ts'
import { elementTypeOf } from '../rewrites/known-values.ts'
import { isStandard, type Scope } from '../walk.ts'
import { letterAt, signatureOf } from './signatures.ts'

/** More rounds than bodies are nested in any file that a runtime opens. */
const MOST_ROUNDS = 64

/** Element types of the values of a model, as far as they follow from constants, inputs, declarations and operators. */
export class ValueTypes {
  readonly #connections: Connections
  readonly #types = new Map<Definition, DType>()
  readonly #scopes: ReadonlyMap<Graph, Scope>

  constructor(connections: Connections) {
    this.#connections = connections
    this.#scopes = new Map(connections.scopes.flatMap((scope) => (scope.graph ? [[scope.graph, scope]] : [])))
    for (const scope of connections.scopes) this.#declare(scope)
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const before = this.#types.size
      for (const scope of connections.scopes) for (const node of scope.nodes) this.#infer(scope, node)
      if (this.#types.size === before) break
    }
  }

  of(definition: Definition): DType | undefined {
    return this.#types.get(definition)
  }

  at(scope: Scope, name: string): DType | undefined {
    const definition = name === '' ? undefined : this.#connections.resolve(scope, name)
    return definition && this.#types.get(definition)
  }

  /** The float type that a node computes in: that of its first T with a known type; undefined where it has none. */
  computed(scope: Scope, node: Node): DType | undefined {
    const signature = signatureOf(node)
    if (signature === undefined) return undefined
    for (const [index, name] of node.inputs.entries()) {
      if (letterAt(signature.takes, index) !== 'T') continue
      const type = this.at(scope, name)
      if (type !== undefined) return type
    }
    return undefined
  }

  #declare(scope: Scope): void {
    const own = this.#connections.own(scope)
    const { graph } = scope
    for (const { name, dtype } of graph === null ? [] : [...graph.values, ...graph.outputs, ...graph.inputs]) {
      const definition = own.get(name)
      if (definition !== undefined && dtype !== undefined) this.#types.set(definition, dtype)
    }
    for (const definition of own.values()) {
      const tensor = constantTensor(definition)
      if (tensor !== null) this.#types.set(definition, tensor.dtype)
    }
  }

  #infer(scope: Scope, node: Node): void {
    if (isConstantNode(node)) return
    const own = this.#connections.own(scope)
    for (const [index, name] of node.outputs.entries()) {
      const output = name === '' ? undefined : own.get(name)
      if (output?.node !== node) continue
      const type = this.#given(scope, node, index)
      if (type !== undefined) this.#types.set(output, type)
    }
    this.#carried(scope, node)
  }

  #given(scope: Scope, node: Node, index: number): DType | undefined {
    if (isStandard(node)) {
      if (node.op === 'Cast') return elementTypeOf(intAttribute(node, 'to', 0))
      if (node.op === 'ConstantOfShape') return tensorAttribute(node, 'value')?.dtype ?? 'f32'
      const named = TYPED.get(node.op)
      const code = named === undefined ? undefined : intAttribute(node, named)
      if (code !== undefined) return elementTypeOf(code)
      if (node.op.endsWith('Like') && node.op !== 'CastLike') {
        return this.at(scope, node.inputs[0] ?? '')
      }
      if (node.op === 'CastLike') return this.at(scope, node.inputs[1] ?? '')
      if (node.op === 'Range') return this.at(scope, node.inputs[0] ?? '')
      if (
        node.op === 'CumSum' ||
        node.op === 'DFT' ||
        node.op === 'STFT' ||
        node.op === 'Celu' ||
        node.op === 'Bernoulli'
      ) {
        return this.at(scope, node.inputs[0] ?? '')
      }
      if (node.op === 'DequantizeLinear') return this.at(scope, node.inputs[1] ?? '')
      const inner = this.#fromBodies(node, index)
      if (inner !== undefined) return inner
    }
    const signature = signatureOf(node)
    if (signature === undefined) return undefined
    const letter = letterAt(signature.gives, index)
    if (letter === 'L') return 'i64'
    if (letter === 'B') return 'bool'
    if (letter === 'F') return 'f32'
    return letter === 'T' ? this.computed(scope, node) : undefined
  }

  /** If, Loop and Scan give what their bodies give. */
  #fromBodies(node: Node, index: number): DType | undefined {
    const attribute = node.op === 'If' ? 'then_branch' : node.op === 'Loop' || node.op === 'Scan' ? 'body' : undefined
    const graph = attribute === undefined ? undefined : graphAttribute(node, attribute)
    const body = graph && this.#scopes.get(graph)
    if (body === undefined) return undefined
    const name = body.outputs[node.op === 'Loop' ? index + 1 : index]
    return name === undefined ? undefined : this.at(body, name)
  }

  /** What a body is given has the type of what its node is given. */
  #carried(scope: Scope, node: Node): void {
    if (!isStandard(node) || (node.op !== 'Loop' && node.op !== 'Scan') || attributeOf(node, 'body') === undefined)
      return
    const graph = graphAttribute(node, 'body')
    const body = graph && this.#scopes.get(graph)
    if (body === undefined) return
    const skipped = node.inputs.length - body.inputs.length
    for (const [index, name] of body.inputs.entries()) {
      const inside = this.#connections.own(body).get(name)
      const from = node.inputs[index + Math.max(0, skipped)] ?? ''
      const type = this.at(scope, from)
      if (inside !== undefined && type !== undefined && !this.#types.has(inside)) this.#types.set(inside, type)
    }
  }
}

/** Attributes that name the type of what is given. */
const TYPED: ReadonlyMap<string, string> = new Map([
  ['RandomNormal', 'dtype'],
  ['RandomUniform', 'dtype'],
  ['RandomNormalLike', 'dtype'],
  ['RandomUniformLike', 'dtype'],
  ['Bernoulli', 'dtype'],
  ['EyeLike', 'dtype'],
  ['Multinomial', 'dtype'],
  ['BlackmanWindow', 'output_datatype'],
  ['HammingWindow', 'output_datatype'],
  ['HannWindow', 'output_datatype'],
  ['MelWeightMatrix', 'output_datatype'],
  ['DequantizeLinear', 'output_dtype'],
])
