import type { Graph, Model } from '../../model/graph.ts'
import { connect, type Definition } from '../consumers.ts'
import { usedNames } from '../fresh-names.ts'
import { rebuild, type ScopeChange } from '../rebuild.ts'
import { isInFunction, type Scope } from '../walk.ts'

/** Names that are new in changed bodies and not to be used twice. */
export class NewNames {
  readonly #taken: Set<string>
  readonly #avoided: Set<string>

  constructor(model: Model, bodies: Iterable<Model>) {
    this.#taken = usedNames(model)
    this.#avoided = new Set(this.#taken)
    for (const body of bodies) for (const name of usedNames(body)) this.#avoided.add(name)
  }

  /** The name, where nobody else has it, or another; taken from now on. */
  take(name: string): string {
    let free = name
    if (this.#taken.has(name)) for (let suffix = 1; this.#avoided.has(free); suffix++) free = `${name}_${suffix}`
    this.#taken.add(free)
    this.#avoided.add(free)
    return free
  }
}

/**
 * Renames what is new in a changed body wherever the rest of the model has the same name: bodies that are changed one by one know
 * nothing of each other. `before`: names that the body defined already. Bodies in `asRead` keep their identity.
 */
export function separateNames(
  body: Model,
  original: Graph,
  before: ReadonlySet<string>,
  names: NewNames,
  asRead: ReadonlySet<Graph>,
): Model {
  const connections = connect(body)
  const inside = usedNames({ ...body, graph: original, functions: [] })
  const renames = new Map<Definition, string>()
  for (const definition of connections.definitions) {
    const { scope, name, kind, outputOf } = definition
    const known = scope.path.length === 0 ? before : inside
    if (isInFunction(scope) || known.has(name) || kind === 'input' || outputOf.length > 0) continue
    const own = names.take(name)
    if (own !== name) renames.set(definition, own)
  }
  if (renames.size === 0) return body
  const touched = new Set<Scope>()
  for (const { scope, uses } of renames.keys()) {
    touched.add(scope)
    for (const use of uses) touched.add(use.scope)
  }
  return rebuild(
    body,
    (scope) => {
      if (!touched.has(scope) || scope.graph === null || asRead.has(scope.graph)) return undefined
      return renamed(scope, (name, made) => {
        const definition = made ? connections.own(scope).get(name) : connections.resolve(scope, name)
        return (definition && renames.get(definition)) ?? name
      })
    },
    connections.scopes,
  )
}

function renamed(scope: Scope, nameOf: (name: string, made: boolean) => string): ScopeChange {
  const nodes = scope.nodes.map((node) => {
    const inputs = node.inputs.map((name) => nameOf(name, false))
    const outputs = node.outputs.map((name) => nameOf(name, true))
    const same = (a: readonly string[], b: readonly string[]): boolean => a.every((name, index) => name === b[index])
    return same(inputs, node.inputs) && same(outputs, node.outputs) ? node : { ...node, inputs, outputs }
  })
  const own = <T extends { readonly name: string }>(one: T): T => {
    const name = nameOf(one.name, true)
    return name === one.name ? one : { ...one, name }
  }
  return { nodes, initializers: scope.initializers.map(own), values: (scope.graph?.values ?? []).map(own) }
}
