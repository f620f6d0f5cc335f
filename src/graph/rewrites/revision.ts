import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { type Connections, connect, type Definition } from '../consumers.ts'
import { freshNames } from '../fresh-names.ts'
import { consumerLabel } from '../labels.ts'
import { removeLeftovers, unreadValues } from '../liftings/clean-up.ts'
import { rebuild, type ScopeChange } from '../rebuild.ts'
import { isInFunction, type Scope } from '../walk.ts'
import type { RewriteNote, RewrittenModel } from './rewrite-note.ts'

/**
 * Changes to one model, collected and then made in one rebuild. A node changes once; a rewrite that meets one already changed
 * (`isTouched`) leaves it for its next round.
 */
export class Revision {
  readonly model: Model
  readonly connections: Connections
  readonly fresh: (base: string) => string
  readonly #rewrite: string
  readonly #replaced = new Map<Node, readonly Node[]>()
  readonly #instead = new Map<Definition, string>()
  readonly #added = new Map<Scope, TensorRef[]>()
  readonly #done: RewriteNote[] = []
  readonly #left: RewriteNote[] = []

  constructor(model: Model, rewrite: string) {
    this.model = model
    this.connections = connect(model)
    this.fresh = freshNames(model)
    this.#rewrite = rewrite
  }

  /** Scopes that can hold initializers: all but functions and the bodies in them. */
  get scopes(): readonly Scope[] {
    return this.connections.scopes.filter((scope) => !isInFunction(scope))
  }

  isTouched(node: Node): boolean {
    return this.#replaced.has(node)
  }

  /** Other nodes at the place of one; none removes it. */
  replace(node: Node, by: readonly Node[]): void {
    this.#replaced.set(node, by)
  }

  /** Everything that read the value reads the one of this name. */
  readInstead(definition: Definition, name: string): void {
    this.#instead.set(definition, name)
  }

  isReadInstead(definition: Definition): boolean {
    return this.#instead.has(definition)
  }

  add(scope: Scope, tensor: TensorRef): void {
    const list = this.#added.get(scope)
    if (list === undefined) this.#added.set(scope, [tensor])
    else list.push(tensor)
  }

  done(scope: Scope, node: Node, text: string): void {
    this.#done.push({ rewrite: this.#rewrite, scope: scope.path, node: consumerLabel(node, scope), text })
  }

  left(scope: Scope, node: Node, text: string): void {
    this.#left.push({ rewrite: this.#rewrite, scope: scope.path, node: consumerLabel(node, scope), text })
  }

  /** The model with all changes, without what nothing reads any more. */
  finish(): RewrittenModel {
    if (this.#done.length === 0) return { model: this.model, done: [], left: this.#left }
    const changed = rebuild(this.model, (scope) => this.#changeOf(scope), this.connections.scopes)
    const clean = removeLeftovers(changed, unreadValues(this.connections.definitions))
    // Before IR version 4 every initializer had to be an input.
    const model = this.#added.size > 0 && clean.irVersion < 4 ? { ...clean, irVersion: 4 } : clean
    return { model, done: this.#done, left: this.#left }
  }

  #changeOf(scope: Scope): ScopeChange | undefined {
    const added = this.#added.get(scope) ?? []
    let changed = added.length > 0
    const nodes = scope.nodes.flatMap((node) => {
      const by = this.#replaced.get(node)
      if (by !== undefined) changed = true
      return (by ?? [node]).map((one) => {
        const inputs = one.inputs.map((name) => this.#nameNow(scope, name))
        if (inputs.every((name, index) => name === one.inputs[index])) return one
        changed = true
        return { ...one, inputs }
      })
    })
    if (!changed) return undefined
    if (scope.graph === null) return { nodes }
    const before = new Set(scope.nodes.flatMap((node) => node.outputs))
    const now = new Set(nodes.flatMap((node) => node.outputs))
    const values = scope.graph.values.filter(({ name }) => now.has(name) || !before.has(name))
    return { nodes, values, initializers: [...scope.initializers, ...added] }
  }

  #nameNow(scope: Scope, read: string): string {
    let name = read
    for (let hop = 0; name !== '' && hop <= this.#instead.size; hop++) {
      const definition = this.connections.resolve(scope, name)
      const instead = definition && this.#instead.get(definition)
      if (instead === undefined) break
      name = instead
    }
    return name
  }
}
