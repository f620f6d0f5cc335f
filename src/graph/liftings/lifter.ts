import type { Model, TensorRef } from '../../model/graph.ts'
import type { Connections, Definition } from '../consumers.ts'
import { freshNames, usedNames } from '../fresh-names.ts'
import { opsetOf } from '../opsets.ts'
import type { Scope } from '../walk.ts'
import type { ConstantFacts } from './constant-facts.ts'
import { originalName } from './original-names.ts'
import { codesOf, product, type Recipe, recipeKey } from './recipe.ts'
import { singleValue } from './single-value.ts'
import type { Levels, Range, Twin } from './site.ts'
import type { LiftedActivation, LiftedTensor, LiftPorts } from './types.ts'
import { isGiven, type RangeReader, rangeOf } from './value-range.ts'

/** Constants that are compared by their bytes. */
const COMPARED_BYTES = 4096

/** What one run has found and made so far; nodes are seen through `NodeSite`. */
export class Lifter {
  readonly connections: Connections
  readonly facts: ConstantFacts
  readonly opset: number
  readonly keepsActivations: boolean
  readonly twins = new Map<Definition, Twin>()
  /** Values that are read under another name, or as another value, from now on. */
  readonly renames = new Map<Definition, Definition | string>()
  /** Constant codes that were moved: what the decoded weight is called after the same move. */
  readonly moved = new Map<string, string>()
  /** Values that are written under another name: that of an output that was their dequantized form. */
  readonly produced = new Map<Definition, string>()
  /** Names of dequantized values that a twin is written under. */
  readonly claimed = new Set<string>()
  readonly tensors: LiftedTensor[] = []
  readonly activations: LiftedActivation[] = []
  readonly added = new Map<Scope, TensorRef[]>()
  readonly fresh: (base: string) => string
  readonly #ports: LiftPorts
  readonly #used: Set<string>
  readonly #byKey = new Map<string, string>()
  readonly #ids = new Map<TensorRef, number>()
  readonly #homes = new Map<TensorRef, Scope>()
  readonly #ranges = new Map<Definition, Promise<Range>>()
  readonly #reader: RangeReader = {
    read: (from, name) => (name === '' ? undefined : this.connections.resolve(from.scope, name)),
    known: (one) => this.#standIn(one),
    rangeOf: (one, hops) => this.rangeOf(one, hops),
    numberOf: (one) => this.numberOf(one),
  }

  constructor(model: Model, connections: Connections, facts: ConstantFacts, ports: LiftPorts) {
    this.connections = connections
    this.facts = facts
    this.opset = opsetOf(model) ?? 0
    this.keepsActivations = ports.keepActivations ?? false
    this.#ports = ports
    this.#used = usedNames(model)
    const fresh = freshNames(model)
    this.fresh = (base) => {
      let name = fresh(base)
      while (this.#used.has(name)) name = fresh(base)
      this.#used.add(name)
      return name
    }
    for (const [definition, { recipe }] of facts) {
      if (recipe.kind === 'stored' && recipe.tensor.name === definition.name)
        this.#homes.set(recipe.tensor, definition.scope)
    }
  }

  /** The name of the initializer that holds a recipe's values, beside its codes; one for equal recipes. */
  weight(recipe: Recipe, lifting: string): string {
    const key = recipeKey(recipe, (tensor) => this.#idOf(tensor))
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const codes = codesOf(recipe)
    const original = originalName(codes.name)
    const name = this.fresh(original ?? `${codes.name}/float`)
    this.#byKey.set(key, name)
    this.#add(name, recipe, lifting)
    return name
  }

  /** A value of the graph that is constant: an initializer takes the place of the node that computes it. */
  constant(definition: Definition, recipe: Recipe, lifting: string): void {
    const original = originalName(codesOf(recipe).name)
    const renamable = definition.outputOf.length === 0 && original !== undefined && !this.#used.has(original)
    const name = renamable ? this.fresh(original) : definition.name
    if (name !== definition.name) this.renames.set(definition, name)
    this.#add(name, recipe, lifting, definition.scope)
  }

  addTo(scope: Scope, tensor: TensorRef): void {
    const list = this.added.get(scope)
    if (list === undefined) this.added.set(scope, [tensor])
    else list.push(tensor)
  }

  rangeOf(definition: Definition, hops?: number): Promise<Range> {
    const known = this.#ranges.get(definition)
    if (known !== undefined) return known
    const found = rangeOf(definition, this.#reader, hops)
    this.#ranges.set(definition, found)
    return found
  }

  isGiven(definition: Definition): boolean {
    return isGiven(definition, this.#reader.read)
  }

  async levels(scale: Definition | undefined, zero: Definition | undefined): Promise<Levels | undefined> {
    const factor = scale && (await this.numberOf(scale))
    if (factor === undefined) return undefined
    if (zero === undefined) return { scale: factor, zero: 0, dtype: 'u8' }
    const offset = await this.numberOf(zero)
    const dtype = this.facts.get(zero)?.recipe.dtype
    return offset === undefined || dtype === undefined ? undefined : { scale: factor, zero: offset, dtype }
  }

  async same(a: Definition | undefined, b: Definition | undefined): Promise<boolean> {
    if (a === b) return true
    const [left, right] = [a, b].map((one) => one && this.facts.get(one)?.recipe)
    if (left?.kind !== 'stored' || right?.kind !== 'stored' || left.dtype !== right.dtype) return false
    if (product(left.shape) !== product(right.shape) || left.tensor.storage.byteLength > COMPARED_BYTES) return false
    const bytes = await this.#ports.readSmall(left.tensor)
    const others = await this.#ports.readSmall(right.tensor)
    return bytes.length === others.length && bytes.every((byte, index) => byte === others[index])
  }

  /** Lets the node that computes `value` write it under the name of an output; false where something else needs its name. */
  renameProduced(value: Definition, output: Definition): boolean {
    const free = value.kind === 'node' && value.outputOf.length === 0 && !this.renames.has(value)
    if (!free || value.scope !== output.scope || this.facts.has(value) || value.node?.op === 'DequantizeLinear')
      return false
    this.produced.set(value, output.name)
    this.renames.set(value, output.name)
    return true
  }

  /** What readers of a value read in the end. */
  finalName(definition: Definition): string {
    let at = definition
    for (let hops = 0; hops <= this.renames.size; hops++) {
      const next = this.renames.get(at)
      if (next === undefined) return at.name
      if (typeof next === 'string') return next
      at = next
    }
    return at.name
  }

  /** The range of a dequantized value is that of its twin. */
  #standIn(definition: Definition): Range | undefined {
    const { node } = definition
    if (node?.op !== 'DequantizeLinear') return undefined
    const codes = this.connections.resolve(definition.scope, node.inputs[0] ?? '')
    return codes && this.twins.get(codes)?.range
  }

  /** A constant of one element. */
  async numberOf(definition: Definition): Promise<number | undefined> {
    const recipe = this.facts.get(definition)?.recipe
    return recipe && this.#valueOf(recipe)
  }

  async #valueOf(recipe: Recipe): Promise<number | undefined> {
    if (recipe.kind === 'stored') return singleValue(recipe.tensor, this.#ports.readSmall)
    if (recipe.kind !== 'dequantize' || product(recipe.shape) !== 1) return undefined
    const [code, scale] = [await this.#valueOf(recipe.codes), await this.#valueOf(recipe.scale)]
    const zero = typeof recipe.zero === 'number' ? recipe.zero : await this.#valueOf(recipe.zero)
    return code === undefined || scale === undefined || zero === undefined ? undefined : (code - zero) * scale
  }

  #add(name: string, recipe: Recipe, lifting: string, scope = this.#homeOf(recipe)): void {
    const tensor = this.#ports.tensorOf(name, recipe)
    this.addTo(scope, tensor)
    this.tensors.push({ name, scope: scope.path, tensor, recipe, codes: codesOf(recipe), lifting })
  }

  #homeOf(recipe: Recipe): Scope {
    return this.#homes.get(codesOf(recipe)) ?? this.connections.scopes[0]!
  }

  #idOf(tensor: TensorRef): number {
    const known = this.#ids.get(tensor)
    if (known !== undefined) return known
    this.#ids.set(tensor, this.#ids.size)
    return this.#ids.size - 1
  }
}
