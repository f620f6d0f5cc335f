import type { DType } from '../../../model/dtype.ts'
import type { Model, Node, TensorRef } from '../../../model/graph.ts'
import type { ReadRange } from '../../compare-elements.ts'
import type { ReadSmall } from '../../constant-nodes.ts'
import { type Connections, connect, type Definition } from '../../consumers.ts'
import { applyEdits } from '../../edit.ts'
import { freshNames } from '../../fresh-names.ts'
import type { Scope } from '../../walk.ts'
import { floatConstant, readFloats } from '../float-constants.ts'
import { elementCount } from './axis.ts'
import { between, type Frame, factorsOf } from './frame.ts'
import { NodeChanges } from './node-changes.ts'
import { type Rotation, rotationOf } from './rotation.ts'
import { type Member, matrixAt, type VectorSite } from './space.ts'
import type { ChosenSpace } from './spaces.ts'
import { type Turn, turnValues } from './turn-values.ts'
import { TurnedTensors, turnedTensor } from './turned-tensor.ts'

export interface RotationOptions {
  readonly seed: number
  readonly readSmall: ReadSmall
  readonly readRange: ReadRange
}

export interface RotatedModel {
  readonly model: Model
  /** Matrices that were added where frames meet or a rotation ends. */
  readonly added: readonly string[]
}

/** Largest factor that a constant may be multiplied by: beyond it, rounding in the type of the model shows. */
const MOST_FACTOR = 1e4

/**
 * The model with spaces rotated (found in it, with their connections): constants on all sides multiplied, gains inside them folded away. Computes the same but for rounding.
 * A sentence where a gain is too small to divide by.
 */
export async function rotateModel(
  model: Model,
  { spaces, connections }: { readonly spaces: readonly ChosenSpace[]; readonly connections: Connections },
  options: RotationOptions,
): Promise<RotatedModel | string> {
  const keepsMean = spaces.some(({ centred }) => centred)
  const rotations = new Map<number, Rotation>()
  for (const { unit } of spaces)
    if (!rotations.has(unit)) rotations.set(unit, rotationOf(unit, { seed: options.seed, keepsMean }))
  const work = new Rotating(model, connections, options)
  for (const space of spaces) {
    const why = await work.space(space, rotations.get(space.unit) as Rotation)
    if (why !== null) return why
  }
  return work.finish()
}

class Rotating {
  readonly #model: Model
  readonly #options: RotationOptions
  readonly #connections: Connections
  readonly #fresh: (base: string) => string
  readonly #changes = new NodeChanges()
  readonly #matrices = new Map<Definition, Turn[]>()
  readonly #vectors = new Map<Node, Map<number, { readonly site: VectorSite; readonly turns: Turn[] }>>()
  /** Names under which nodes of a space read a value. */
  readonly #instead = new Map<Definition, string>()
  readonly #added: string[] = []

  constructor(model: Model, connections: Connections, options: RotationOptions) {
    this.#model = model
    this.#options = options
    this.#connections = connections
    this.#fresh = freshNames(model)
  }

  async space(space: ChosenSpace, rotation: Rotation): Promise<string | null> {
    const dtype = dtypeOf(space)
    for (const member of space.members) {
      if (!matrixAt(member.definition)) continue
      const turn = turnOf(member, member.frame, member.size as number, rotation)
      if (turn === null) return 'a gain that is too small to divide by'
      this.#matrices.set(member.definition, [...(this.#matrices.get(member.definition) ?? []), turn])
    }
    for (const site of space.vectors) {
      const size = site.beside.size as number
      const turn = turnOf(site, site.frame, size, rotation)
      if (turn === null) return 'a gain that is too small to divide by'
      const sites = this.#vectors.get(site.node) ?? new Map<number, { site: VectorSite; turns: Turn[] }>()
      this.#vectors.set(site.node, sites)
      const known = sites.get(site.index) ?? { site, turns: [] }
      sites.set(site.index, known)
      known.turns.push(turn)
    }
    await this.#removeGains(space)
    const renamed = this.#ends(space, rotation, dtype)
    if (renamed !== null) return renamed
    this.#rename(space)
    for (const { node, scope, index, from, to } of space.meetings) {
      const values = between(from.frame, to.frame, from.size as number)
      if (values === null) return 'a gain that is too small to divide by'
      const matrix = diagonal(values)
      turnBoth(matrix, from.size as number, rotation)
      const name = this.#constantMatrix(scope, dtype, matrix, from.size as number, `${nameOf(node)}/rotation`)
      const change = this.#changes.of(node, scope)
      const own = change.inputs.get(index) ?? node.inputs[index] ?? ''
      const output = this.#fresh(`${own}/rotated`)
      change.before.push(product(own, name, output))
      change.inputs.set(index, output)
    }
    return null
  }

  async finish(): Promise<RotatedModel> {
    const { readRange, readSmall } = this.#options
    const kept = new TurnedTensors()
    for (const [definition, turns] of this.#matrices)
      this.#changes.put(definition, turnedTensor(matrixAt(definition) as TensorRef, turns, readRange, kept))
    for (const [node, sites] of this.#vectors)
      for (const [index, { site, turns }] of sites) {
        const made = await turnedVector(site, turns, readSmall)
        const name = this.#fresh(site.tensor.name)
        this.#changes.add(site.scope, { ...made, name })
        this.#changes.of(node, site.scope).inputs.set(index, name)
      }
    return { model: withoutUnread(applyEdits(this.#model, this.#changes.edits())), added: this.#added }
  }

  /** Nodes read what stands before the gain; operators that normalise get ones. */
  async #removeGains({ gains }: ChosenSpace): Promise<void> {
    const ones = new Map<string, string>()
    for (const { node, scope, place } of gains) {
      if (place.kind === 'product') {
        const definition = this.#connections.resolve(scope, node.outputs[0] ?? '')
        if (definition) this.#instead.set(definition, node.inputs[place.input] ?? '')
        this.#changes.of(node, scope).dropped = true
        continue
      }
      const tensor = matrixAt(
        this.#connections.resolve(scope, node.inputs[place.index] ?? '') as Definition,
      ) as TensorRef
      const key = `${scope.path.join('/')} ${tensor.dtype} ${tensor.shape.join()}`
      const name = ones.get(key) ?? this.#fresh('ones')
      if (!ones.has(key)) {
        ones.set(key, name)
        this.#changes.add(
          scope,
          floatConstant(name, tensor.dtype, tensor.shape, new Float64Array(elementCount(tensor.shape)).fill(1)),
        )
      }
      this.#changes.of(node, scope).inputs.set(place.index, name)
    }
  }

  /** Matrices where a rotation begins or ends. */
  #ends({ ends }: ChosenSpace, rotation: Rotation, dtype: DType): string | null {
    for (const { member, borders } of ends) {
      const { definition, frame } = member
      const { scope, node, name } = definition
      const size = member.size as number
      const begins = borders.some(({ side }) => side === 'into')
      const factors = begins ? factorsOf(frame, size) : between(frame, null, size)
      if (factors === null) return 'a gain that is too small to divide by'
      const matrix = diagonal(factors)
      if (begins) turnValues(matrix, [size, size], { ...whole(1), rotation })
      else turnValues(matrix, [size, size], { ...whole(2), rotation })
      const constant = this.#constantMatrix(scope, dtype, matrix, size, `${name}/rotation`)
      const rotated = this.#fresh(`${name}/rotated`)
      if (begins) {
        const made = product(name, constant, rotated)
        if (node) this.#changes.of(node, scope).after.push(made)
        else this.#changes.first(scope, made)
        this.#instead.set(definition, rotated)
        continue
      }
      const before = this.#instead.get(definition)
      const change = this.#changes.of(node as Node, scope)
      // A gain that was the last thing in front is part of the matrix.
      if (before === undefined) {
        change.outputs.set(definition.outputIndex, rotated)
        this.#instead.set(definition, rotated)
      }
      change.after.push(product(this.#nameNow(before ?? rotated, scope), constant, name))
    }
    return null
  }

  #rename({ members, borders }: ChosenSpace): void {
    const outside = new Map<Node, Set<number>>()
    for (const { use } of borders) {
      if (use) outside.set(use.node, (outside.get(use.node) ?? new Set()).add(use.index))
    }
    for (const { definition } of members) {
      const name = this.#instead.get(definition)
      if (name === undefined) continue
      for (const { node, scope, inputIndex } of definition.uses)
        if (!outside.get(node)?.has(inputIndex))
          this.#changes.of(node, scope).inputs.set(inputIndex, this.#nameNow(name, definition.scope))
    }
  }

  #nameNow(name: string, scope: Scope): string {
    let at = name
    for (let hop = 0; hop <= this.#instead.size; hop++) {
      const definition = this.#connections.resolve(scope, at)
      const next = definition && this.#instead.get(definition)
      if (next === undefined || next === at) break
      at = next
    }
    return at
  }

  #constantMatrix(scope: Scope, dtype: DType, values: Float64Array, size: number, base: string): string {
    const name = this.#fresh(base)
    this.#changes.add(scope, floatConstant(name, dtype, [size, size], values))
    this.#added.push(name)
    return name
  }
}

/** What old files list as an input beside its value, and nothing reads any more: feeding it would do nothing. */
function withoutUnread(model: Model): Model {
  const unread = connect(model).definitions.filter(({ kind, alsoInput, scope, uses, outputOf }) => {
    return kind === 'initializer' && alsoInput && scope.graph === model.graph && uses.length + outputOf.length === 0
  })
  const names = unread.map(({ name }) => name)
  return applyEdits(model, names.length === 0 ? [] : [{ scope: [], removeInitializers: names, removeInputs: names }])
}

const whole = (fromEnd: number): { fromEnd: number; part: null; factors: null } => ({
  ...{ fromEnd, part: null, factors: null },
})

function turnOf(
  at: { fromEnd?: number; part: Member['part'] },
  frame: Frame,
  size: number,
  rotation: Rotation,
): Turn | null {
  const factors = factorsOf(frame, size)
  if (factors === null || factors.some((one) => Math.abs(one) > MOST_FACTOR)) return null
  return { fromEnd: at.fromEnd ?? 1, part: at.part, factors: frame === null ? null : factors, rotation }
}

function dtypeOf({ members }: ChosenSpace): DType {
  for (const { definition } of members) {
    const tensor = matrixAt(definition)
    if (tensor) return tensor.dtype
  }
  return 'f32'
}

async function turnedVector(
  { tensor, beside }: VectorSite,
  turns: readonly Turn[],
  read: ReadSmall,
): Promise<TensorRef> {
  const values = (await readFloats(tensor, read)) ?? new Float64Array(0)
  // One number for all is written out; what lies before the rotated axis are ones.
  const isOne = values.length === 1
  const full = isOne ? new Float64Array(beside.size as number).fill(values[0] as number) : values
  const shape = isOne ? [full.length] : tensor.shape
  for (const turn of turns) turnValues(full, shape, turn)
  return floatConstant(tensor.name, tensor.dtype, shape, full)
}

function diagonal(values: Float64Array): Float64Array {
  const matrix = new Float64Array(values.length * values.length)
  for (const [i, value] of values.entries()) matrix[i * values.length + i] = value
  return matrix
}

function turnBoth(matrix: Float64Array, size: number, rotation: Rotation): void {
  turnValues(matrix, [size, size], { ...whole(1), rotation })
  turnValues(matrix, [size, size], { ...whole(2), rotation })
}

function product(left: string, right: string, result: string): Node {
  return { name: result, op: 'MatMul', domain: '', inputs: [left, right], outputs: [result], attributes: [] }
}

const nameOf = (node: Node): string => node.name || node.outputs[0] || node.op
