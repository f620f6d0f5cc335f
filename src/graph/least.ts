import type { ScopePath } from '../model/graph.ts'
import { floatAttribute } from './attributes.ts'
import { constantTensor, type ReadSmall } from './constant-nodes.ts'
import type { Connections, Definition } from './consumers.ts'
import { isStandard, type Scope, scopeKey } from './walk.ts'

/** Operators whose results are never negative. */
const POSITIVE = new Set(['Relu', 'Sigmoid', 'HardSigmoid', 'Softmax', 'Softplus', 'Exp', 'Abs', 'ThresholdedRelu'])
/** Operators that only move or average values: what bounds their input bounds them, padding being zeros. */
const MOVES = new Set([
  'Identity',
  'Cast',
  'Reshape',
  'Flatten',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Dropout',
  'MaxPool',
  'AveragePool',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'ReduceMean',
  'ReduceMax',
])
/** Minima of activation functions given as one operator. */
const MINIMUM: ReadonlyMap<string, number> = new Map([
  ['Gelu', -0.1701],
  ['BiasGelu', -0.1701],
  ['FastGelu', -0.1701],
  ['Mish', -0.3089],
  ['HardSwish', -0.375],
])
/** Minima of t * sigmoid(t), t * (1 + erf(t)) and x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))). */
const SIGMOID_GATE = -0.27847
const ERF_GATE = -0.24039
const TANH_GATE = -0.34009

/** Values looked through; longer chains are not followed. */
const MOST_STEPS = 8

/**
 * Lower bound of a value, told by the operators that compute it: 0 for ReLU and its kin, the minimum of GELU (erf or tanh), SiLU and
 * such, as one operator or spelled out as products. Null: none is known. Never above 0.
 */
export async function leastValue(
  name: string,
  path: ScopePath,
  connections: Connections,
  readSmall: ReadSmall,
): Promise<number | null> {
  const scope = connections.scopes.find((one) => scopeKey(one.path) === scopeKey(path))
  return scope === undefined ? null : new Bounds(scope, connections, readSmall).least(name, MOST_STEPS)
}

class Bounds {
  readonly #scope: Scope
  readonly #connections: Connections
  readonly #readSmall: ReadSmall

  constructor(scope: Scope, connections: Connections, readSmall: ReadSmall) {
    this.#scope = scope
    this.#connections = connections
    this.#readSmall = readSmall
  }

  async least(name: string, steps: number): Promise<number | null> {
    const node = this.#define(name)?.node ?? null
    if (node === null || steps === 0 || name !== node.outputs[0]) return null
    const microsoft = node.domain === 'com.microsoft'
    if (!isStandard(node) && !microsoft) return null
    if (node.op === 'QuickGelu') {
      const slope = floatAttribute(node, 'alpha', 1.702)
      return slope > 0 ? SIGMOID_GATE / slope : null
    }
    if (MINIMUM.has(node.op)) return MINIMUM.get(node.op) ?? null
    if (microsoft) return null
    if (POSITIVE.has(node.op)) return 0
    if (MOVES.has(node.op)) return this.least(node.inputs[0] ?? '', steps - 1)
    return node.op === 'Mul' || node.op === 'Div' ? this.#gated(name) : null
  }

  /** c * x * gate(x): the factors of a product, constants apart. */
  async #gated(name: string): Promise<number | null> {
    const factors: string[] = []
    const constant = await this.#factors(name, factors, 4)
    const [a, b] = factors
    if (a === undefined || b === undefined || factors.length > 2 || !(constant > 0)) return null
    return (await this.#gate(a, b, constant)) ?? (await this.#gate(b, a, constant))
  }

  /** Collects the computed factors of a product and returns the product of its constants; NaN when it is no such product. */
  async #factors(name: string, into: string[], depth: number): Promise<number> {
    const constant = await this.#scalar(name)
    if (constant !== null) return constant
    const node = this.#define(name)?.node ?? null
    const divides = node?.op === 'Div'
    if (node === null || !isStandard(node) || (node.op !== 'Mul' && !divides) || depth === 0) {
      into.push(name)
      return 1
    }
    const [left = '', right = ''] = node.inputs
    if (divides) {
      const divisor = await this.#scalar(right)
      if (divisor === null) {
        into.push(name)
        return 1
      }
      return (await this.#factors(left, into, depth - 1)) / divisor
    }
    return (await this.#factors(left, into, depth - 1)) * (await this.#factors(right, into, depth - 1))
  }

  /** Minimum of constant * x * gate, where gate is a function of x. */
  async #gate(x: string, gate: string, constant: number): Promise<number | null> {
    const node = this.#define(gate)?.node ?? null
    if (node === null || !isStandard(node)) return null
    if (node.op === 'Sigmoid') {
      const slope = await this.#slope(node.inputs[0] ?? '', x)
      return slope === null ? null : (SIGMOID_GATE * constant) / slope
    }
    if (node.op === 'HardSigmoid') return node.inputs[0] === x ? -0.375 * constant : null
    if (node.op !== 'Add') return null
    for (const [index, other] of node.inputs.entries()) {
      if ((await this.#scalar(node.inputs[1 - index] ?? '')) !== 1) continue
      const inner = this.#define(other)?.node ?? null
      if (inner?.op === 'Erf' && isStandard(inner)) {
        const slope = await this.#slope(inner.inputs[0] ?? '', x)
        return slope === null ? null : (ERF_GATE * constant) / slope
      }
      // The only such gate in use is that of GELU; its cubic is not taken apart, its half is checked.
      const half = constant > 0.49 && constant < 0.51
      if (half && inner?.op === 'Tanh' && isStandard(inner) && this.#isMadeOf(inner.inputs[0] ?? '', x, 6)) {
        return TANH_GATE * constant
      }
    }
    return null
  }

  /** k > 0 where value = k * x; null when it is not so. */
  async #slope(value: string, x: string): Promise<number | null> {
    const factors: string[] = []
    const constant = await this.#factors(value, factors, 2)
    return factors.length === 1 && factors[0] === x && constant > 0 ? constant : null
  }

  /** Whether nothing but x and constants enters a value. */
  #isMadeOf(value: string, x: string, steps: number): boolean {
    if (value === x) return true
    const definition = this.#define(value)
    if (definition === undefined || steps === 0) return false
    if (constantTensor(definition) !== null) return true
    const { node } = definition
    return node !== null && isStandard(node) && node.inputs.every((input) => this.#isMadeOf(input, x, steps - 1))
  }

  async #scalar(name: string): Promise<number | null> {
    const definition = this.#define(name)
    const tensor = definition === undefined ? null : constantTensor(definition)
    if (tensor === null || tensor.dtype !== 'f32' || tensor.storage.byteLength !== 4) return null
    const bytes = tensor.storage.kind === 'bytes' ? tensor.storage.bytes : await this.#readSmall(tensor)
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true)
  }

  #define(name: string): Definition | undefined {
    return name === '' ? undefined : this.#connections.resolve(this.#scope, name)
  }
}
