import type { Node, TensorRef } from '../../model/graph.ts'
import type { Definition, Use } from '../consumers.ts'
import { makeNode } from '../lowerings/make.ts'
import { isStandard, type Scope, scopeKey } from '../walk.ts'
import type { ConstantFact } from './constant-facts.ts'
import { decodedOver } from './decoded-weight.ts'
import type { Lifter } from './lifter.ts'
import { MOVES } from './moves.ts'
import { plainName } from './original-names.ts'
import { product, type Recipe } from './recipe.ts'
import { type Levels, type Range, type Site, type Twin, UNKNOWN_RANGE } from './site.ts'

/** A node of one scope, seen through the state of a lifting run. */
export class NodeSite implements Site {
  readonly node: Node
  readonly scope: Scope
  readonly opset: number
  /** Nodes that operands of this node need in front of it. */
  readonly before: Node[] = []
  readonly #lifter: Lifter

  constructor(node: Node, scope: Scope, lifter: Lifter) {
    this.node = node
    this.scope = scope
    this.opset = lifter.opset
    this.#lifter = lifter
  }

  definition(name: string): Definition | undefined {
    return name === '' ? undefined : this.#lifter.connections.resolve(this.scope, name)
  }

  fact(name: string): ConstantFact | undefined {
    const found = this.definition(name)
    return found && this.#lifter.facts.get(found)
  }

  twin(name: string): Twin | undefined {
    const found = this.definition(name)
    return found && this.#lifter.twins.get(found)
  }

  rangeOf(definition: Definition): Promise<Range> {
    return this.#lifter.rangeOf(definition)
  }

  isGiven(definition: Definition): boolean {
    return this.#lifter.isGiven(definition)
  }

  nameOf({ float }: Twin): string {
    return typeof float === 'string' ? float : float.name
  }

  async operand(codes: string, scale: string, zero: string, axis?: number): Promise<string | null> {
    const twin = this.twin(codes)
    if (twin !== undefined) {
      const fits =
        (await this.same(twin.scale, this.definition(scale))) && (await this.same(twin.zero, this.definition(zero)))
      return fits ? this.nameOf(twin) : null
    }
    const [table, factor, offset] = [codes, scale, zero].map((name) => this.fact(name)?.recipe)
    if (!factor || (zero !== '' && !offset)) return null
    if (table === undefined) return this.#movedCodes(codes, factor, offset)
    const recipe = decodedOver(table, factor, offset, axis ?? table.shape.length - 1)
    return recipe && this.weight(recipe, 'qlinear')
  }

  /** Constant codes that nodes moved on the way: the decoded weight, moved by the same nodes. One scale for all of it. */
  #movedCodes(name: string, scale: Recipe, zero: Recipe | undefined, depth = 0): string | null {
    const node = this.definition(name)?.node
    if (!node || !isStandard(node) || !MOVES.has(node.op) || node.outputs.length !== 1 || depth > 8) return null
    if (product(scale.shape) !== 1 || node.op === 'Concat' || node.op === 'Pad') return null
    const [moved = ''] = node.inputs
    const table = this.fact(moved)?.recipe
    const recipe = table && decodedOver(table, scale, zero, 0)
    const input = recipe ? this.weight(recipe, 'qlinear') : this.#movedCodes(moved, scale, zero, depth + 1)
    if (input === null) return null
    const known = this.#lifter.moved.get(`${input} ${scopeKey(this.scope.path)} ${name}`)
    if (known !== undefined) return known
    const output = this.fresh(plainName(name))
    this.#lifter.moved.set(`${input} ${scopeKey(this.scope.path)} ${name}`, output)
    this.before.push({ ...node, inputs: [input, ...node.inputs.slice(1)], outputs: [output] })
    return output
  }

  async rangeOfOperand(codes: string, scale: string, zero: string): Promise<Range> {
    const twin = this.twin(codes)
    if (twin !== undefined) return twin.range
    const found = this.definition(codes)
    const levels = await this.levels(scale, zero)
    const code = found && (await this.#lifter.numberOf(found))
    if (levels === undefined || code === undefined) return UNKNOWN_RANGE
    const value = (code - levels.zero) * levels.scale
    return { nonNegative: value >= 0, atMostSix: value <= 6 }
  }

  weight(recipe: Recipe, lifting: string): string {
    return this.#lifter.weight(recipe, lifting)
  }

  register(output: number, twin: Twin): void {
    const found = this.definition(this.node.outputs[output] ?? '')
    if (found !== undefined) this.#lifter.twins.set(found, twin)
  }

  async twinName(output: number, scale: string, zero: string): Promise<string> {
    const name = this.node.outputs[output] ?? ''
    if (this.#lifter.keepsActivations) return this.fresh(plainName(name))
    for (const { scope, node } of this.usesOf(name)) {
      const [, itsScale = '', itsZero = ''] = node.inputs
      if (node.op !== 'DequantizeLinear' || scope !== this.scope || node.inputs[0] !== name) continue
      const fits =
        (await this.same(this.definition(itsScale), this.definition(scale))) &&
        (await this.same(this.definition(itsZero), this.definition(zero)))
      const taken = node.outputs[0] ?? ''
      if (fits && taken !== '' && !this.#lifter.claimed.has(taken)) {
        this.#lifter.claimed.add(taken)
        return taken
      }
    }
    return this.fresh(plainName(name))
  }

  same(a: Definition | undefined, b: Definition | undefined): Promise<boolean> {
    return this.#lifter.same(a, b)
  }

  replaceValue(name: string, by: Definition | string): readonly Node[] {
    const found = this.definition(name)
    if (found === undefined || by === name) return []
    if (found.outputOf.length > 0) {
      if (typeof by !== 'string' && this.#lifter.renameProduced(by, found)) return []
      const input = typeof by === 'string' ? by : by.name
      return [makeNode('Identity', [input], [name])]
    }
    this.#lifter.renames.set(found, by)
    return []
  }

  onlyUse(name: string): Use | undefined {
    const found = this.definition(name)
    return found?.uses.length === 1 && found.outputOf.length === 0 ? found.uses[0] : undefined
  }

  usesOf(name: string): readonly Use[] {
    return this.definition(name)?.uses ?? []
  }

  fresh(base: string): string {
    return this.#lifter.fresh(base)
  }

  addConstant(tensor: TensorRef): void {
    this.#lifter.addTo(this.scope, tensor)
  }

  levels(scale: string, zero: string): Promise<Levels | undefined> {
    return this.#lifter.levels(this.definition(scale), this.definition(zero))
  }

  note(value: string, because: string): void {
    this.#lifter.activations.push({ value, because })
  }
}
