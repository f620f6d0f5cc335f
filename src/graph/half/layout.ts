import type { DType } from '../../model/dtype.ts'
import type { Model, Node } from '../../model/graph.ts'
import { tensorAttribute } from '../attributes.ts'
import { constantTensor } from '../constant-nodes.ts'
import { type Connections, connect, type Definition } from '../consumers.ts'
import { opsetOf } from '../opsets.ts'
import { bodiesOf, isStandard, type Scope } from '../walk.ts'
import { isControl, type Tie, tiesOf } from './owned-values.ts'
import { letterAt, signatureOf } from './signatures.ts'
import { ValueTypes } from './value-types.ts'

/** Which of the two a value of type f32 becomes. */
export type Precision = 'f16' | 'f32'

export interface HalfWish {
  /** Nodes that go on computing in f32. */
  keeps(scope: Scope, node: Node): boolean
  /** Values that f16 does not hold. */
  isSingle(definition: Definition): boolean
  /** Types of the inputs and outputs of the model: as they are, or f16 where they were f32. */
  readonly doors: 'kept' | 'f16'
}

/** Operators that only move or choose elements, and others that cost less than the casts around them. */
const CHEAP: ReadonlySet<string> = new Set(
  (
    'Abs Add Cast Clip Concat ConstantOfShape DepthToSpace Div Expand Flatten Gather GatherElements GatherND Identity Max Min Mul Neg ' +
    'Pad Reciprocal Relu Reshape Round Slice SpaceToDepth Split Sqrt Squeeze Sub Tile Transpose Unsqueeze Where'
  ).split(' '),
)
/** Only move what they are given, and give no more than that: a Cast is as good behind as before them. */
const MOVING: ReadonlySet<string> = new Set([
  ...['Flatten', 'Gather', 'Identity', 'Reshape', 'Slice', 'Squeeze', 'Transpose', 'Unsqueeze'],
])
const MOST_ROUNDS = 32

/**
 * The type of every f32 value of a model once it computes in f16: which nodes do, and what each reader wants. Nothing is changed here.
 * Values of other types, bodies of unknown operators and functions stay as they are.
 */
export class HalfLayout {
  readonly model: Model
  readonly connections: Connections
  readonly types: ValueTypes
  readonly #wish: HalfWish
  readonly #opset: number
  readonly #half = new Set<Node>()
  readonly #frozen = new Set<Scope>()
  readonly #bodies = new Map<Node, Map<string, Scope>>()
  readonly #precision = new Map<Definition, Precision>()
  readonly #given = new Map<Node, Map<number, Precision>>()
  readonly #results = new Map<Scope, Map<number, Precision>>()

  constructor(model: Model, wish: HalfWish) {
    this.model = model
    this.#wish = wish
    this.connections = connect(model)
    this.types = new ValueTypes(this.connections)
    this.#opset = opsetOf(model) ?? 0
    this.#findBodies()
    for (const scope of this.connections.scopes) {
      for (const node of scope.nodes) if (this.#mayCompute(scope, node)) this.#half.add(node)
    }
    this.#tie()
    for (let round = 0; round < MOST_ROUNDS && this.#withdraw(); round++) this.#tie()
  }

  /** True for nodes that compute in f16. */
  isHalf(node: Node): boolean {
    return this.#half.has(node)
  }

  isFrozen(scope: Scope): boolean {
    return this.#frozen.has(scope)
  }

  /** What a value becomes; undefined for values that are no f32. */
  precision(definition: Definition): Precision | undefined {
    if (this.types.of(definition) !== 'f32') return undefined
    const known = this.#precision.get(definition)
    if (known !== undefined) return known
    const { node, kind, scope } = definition
    if (kind === 'input' && scope.path.length === 0) return this.doorOf(definition)
    if (node === null || !this.#half.has(node)) return 'f32'
    const signature = signatureOf(node)
    if (signature === undefined) return 'f16'
    return letterAt(signature.gives, definition.outputIndex) === 'T' ? 'f16' : 'f32'
  }

  /** The type of an input or output of the model. */
  doorOf(definition: Definition): Precision {
    return this.#wish.doors === 'f16' && !this.#wish.isSingle(definition) && definition.tensor === null ? 'f16' : 'f32'
  }

  /** What a node takes at a place where it is given f32 values; null where anything will do. */
  wanted(node: Node, index: number): Precision | null {
    const tied = this.#given.get(node)?.get(index)
    if (tied !== undefined) return tied
    if (isStandard(node) && node.op === 'Cast') return null
    const letter = letterAt(signatureOf(node)?.takes ?? 'F', index)
    if (letter === 'A') return null
    return letter === 'T' && this.#half.has(node) ? 'f16' : 'f32'
  }

  /** What a body gives at a place of its outputs. */
  result(scope: Scope, index: number): Precision {
    return this.#results.get(scope)?.get(index) ?? 'f32'
  }

  #findBodies(): void {
    for (const scope of this.connections.scopes) {
      const { owner, parent } = scope
      if (scope.body !== null || (parent !== null && this.#frozen.has(parent))) this.#frozen.add(scope)
      else if (owner !== null && !isControl(owner)) this.#frozen.add(scope)
      if (owner === null || scope.graph === null) continue
      const step = bodiesOf(owner).find(({ graph }) => graph === scope.graph)?.step
      const known = this.#bodies.get(owner) ?? new Map<string, Scope>()
      if (step !== undefined) known.set(step, scope)
      this.#bodies.set(owner, known)
    }
  }

  #mayCompute(scope: Scope, node: Node): boolean {
    if (this.#frozen.has(scope) || this.#wish.keeps(scope, node)) return false
    if (isStandard(node) && node.op === 'Cast') {
      const from = this.types.at(scope, node.inputs[0] ?? '')
      return this.types.at(scope, node.outputs[0] ?? '') === 'f32' && from !== 'f16' && from !== undefined
    }
    if (isStandard(node) && node.op === 'ConstantOfShape')
      return (tensorAttribute(node, 'value')?.dtype ?? 'f32') === 'f32'
    const signature = signatureOf(node)
    if (signature === undefined) return false
    const types: (DType | undefined)[] = []
    for (const [index, name] of node.inputs.entries()) {
      if (name !== '' && letterAt(signature.takes, index) === 'T') types.push(this.types.at(scope, name))
    }
    // An input of unknown type would stay f32 beside the others. Integers in a place of floats (zero points) are no matter.
    return types.includes('f32') && types.every((type) => type !== undefined && type !== 'f16' && type !== 'f64')
  }

  /** One type for what If, Loop and Scan hand through. */
  #tie(): void {
    this.#precision.clear()
    this.#given.clear()
    this.#results.clear()
    for (const scope of this.connections.scopes) {
      if (this.#frozen.has(scope)) continue
      for (const node of scope.nodes) {
        if (!isControl(node)) continue
        const kept = this.#wish.keeps(scope, node)
        for (const tie of tiesOf(node, (owner, step) => this.#bodies.get(owner)?.get(step), this.#opset)) {
          this.#settle(scope, node, tie, kept)
        }
      }
    }
  }

  #settle(scope: Scope, node: Node, tie: Tie, kept: boolean): void {
    const own = tie.outputs.flatMap((index) => this.connections.own(scope).get(node.outputs[index] ?? '') ?? [])
    const inside = tie.inside.flatMap(({ scope: body, name }) => this.connections.own(body).get(name) ?? [])
    const results = tie.results.flatMap(({ scope: body, index }) => {
      const name = body.outputs[index]
      return (name === undefined ? undefined : this.connections.resolve(body, name)) ?? []
    })
    const given = tie.given.flatMap((index) => this.connections.resolve(scope, node.inputs[index] ?? '') ?? [])
    const all = [...own, ...inside, ...results, ...given]
    if (!all.some((one) => this.types.of(one) === 'f32')) return
    const fits = !kept && all.every((one) => this.types.of(one) === 'f32' && !this.#wish.isSingle(one))
    const precision: Precision = fits ? 'f16' : 'f32'
    for (const one of [...own, ...inside]) this.#precision.set(one, precision)
    for (const index of tie.given) {
      const known = this.#given.get(node) ?? new Map<number, Precision>()
      this.#given.set(node, known.set(index, precision))
    }
    for (const { scope: body, index } of tie.results) {
      const known = this.#results.get(body) ?? new Map<number, Precision>()
      this.#results.set(body, known.set(index, precision))
    }
  }

  /** Cheap nodes between f32 and f32 stay f32: true when one was found. */
  #withdraw(): boolean {
    const found: Node[] = []
    for (const scope of this.connections.scopes) {
      for (const node of scope.nodes) {
        if (!this.#half.has(node) || !CHEAP.has(node.op)) continue
        if (this.#isSurrounded(scope, node) || this.#mayWait(scope, node)) found.push(node)
      }
    }
    for (const node of found) this.#half.delete(node)
    return found.length > 0
  }

  /** A Cast of what is f32 goes behind nodes that only move it. */
  #mayWait(scope: Scope, node: Node): boolean {
    if (!MOVING.has(node.op)) return false
    const definition = this.connections.resolve(scope, node.inputs[0] ?? '')
    if (definition === undefined || isConstant(definition) || definition.scope !== scope) return false
    if (this.precision(definition) !== 'f32' || definition.node?.op === 'Cast') return false
    const wants = definition.uses.filter((use) => this.wanted(use.node, use.inputIndex) === 'f16')
    return wants.length === 1 && !definition.outputOf.some((body) => body.path.length > 0)
  }

  #isSurrounded(scope: Scope, node: Node): boolean {
    for (const name of node.inputs) {
      const definition = name === '' ? undefined : this.connections.resolve(scope, name)
      if (definition !== undefined && this.precision(definition) === 'f16') return false
    }
    let uses = 0
    for (const name of node.outputs) {
      const definition = this.connections.own(scope).get(name)
      if (definition === undefined || this.types.of(definition) !== 'f32') continue
      for (const body of definition.outputOf) {
        const places = body.outputs.flatMap((one, index) => (one === name ? [index] : []))
        const wants = places.map((index) =>
          body.path.length === 0 ? this.doorOf(definition) : this.result(body, index),
        )
        if (wants.includes('f16')) return false
        uses++
      }
      for (const use of definition.uses) {
        if (this.wanted(use.node, use.inputIndex) === 'f16') return false
        uses++
      }
    }
    return uses > 0
  }
}

/** True for values that are known before the model runs. */
export function isConstant(definition: Definition | undefined): boolean {
  return definition !== undefined && (definition.kind === 'sparse' || constantTensor(definition) !== null)
}
