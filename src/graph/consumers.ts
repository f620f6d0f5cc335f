import type { Model, Node, TensorRef } from '../model/graph.ts'
import { type Scope, scopesOf } from './walk.ts'

/** Where a name gets its value. */
export interface Definition {
  readonly scope: Scope
  readonly name: string
  readonly kind: 'input' | 'initializer' | 'sparse' | 'node'
  /** An initializer that is also a graph input. */
  readonly alsoInput: boolean
  readonly tensor: TensorRef | null
  readonly node: Node | null
  readonly outputIndex: number
  /** Reads by nodes of this scope and of bodies inside it. */
  readonly uses: readonly Use[]
  /** Scopes that have this value among their outputs: its own, or a body that returns a captured value. */
  readonly outputOf: readonly Scope[]
}

export interface Use {
  readonly scope: Scope
  readonly node: Node
  readonly inputIndex: number
}

/** A name that nothing defines. `node` is null for an output of the scope. */
export interface Loose {
  readonly scope: Scope
  readonly node: Node | null
  readonly name: string
}

/** A name defined twice in one scope. */
export interface Clash {
  readonly scope: Scope
  readonly name: string
  readonly first: Definition
  readonly second: Definition
}

/** Producers and consumers of every value, across scopes. */
export interface Connections {
  readonly scopes: readonly Scope[]
  readonly definitions: readonly Definition[]
  /** What a name means in a scope: its own definition, else the nearest enclosing one. */
  resolve(scope: Scope, name: string): Definition | undefined
  /** Only the scope's own definitions. */
  own(scope: Scope): ReadonlyMap<string, Definition>
  readonly loose: readonly Loose[]
  readonly clashes: readonly Clash[]
}

type Growing = Definition & { readonly uses: Use[]; readonly outputOf: Scope[] }

/** Models do not change: what was found of one holds as long as it lives. A dozen rewrites in a row look at the same one. */
const known = new WeakMap<Model, Connections>()

/** Builds the index in one pass over all names, once for each model; never throws, faults are listed in `loose` and `clashes`. */
export function connect(model: Model): Connections {
  let found = known.get(model)
  if (found === undefined) {
    found = connected(model)
    known.set(model, found)
  }
  return found
}

function connected(model: Model): Connections {
  const scopes = scopesOf(model)
  const tables = new Map<Scope, Map<string, Growing>>()
  const definitions: Growing[] = []
  const clashes: Clash[] = []
  for (const scope of scopes) tables.set(scope, define(scope, definitions, clashes))

  const resolve = (from: Scope, name: string): Growing | undefined => {
    for (let scope: Scope | null = from; scope !== null; scope = scope.parent) {
      const found = tables.get(scope)!.get(name)
      if (found !== undefined) return found
    }
    return undefined
  }

  const loose: Loose[] = []
  for (const scope of scopes) {
    for (const node of scope.nodes) {
      for (const [inputIndex, name] of node.inputs.entries()) {
        if (name === '') continue
        const found = resolve(scope, name)
        if (found === undefined) loose.push({ scope, node, name })
        else found.uses.push({ scope, node, inputIndex })
      }
    }
    for (const name of scope.outputs) {
      const found = name === '' ? undefined : resolve(scope, name)
      if (found !== undefined) found.outputOf.push(scope)
      else if (name !== '') loose.push({ scope, node: null, name })
    }
  }
  return { scopes, definitions, resolve, own: (scope) => tables.get(scope)!, loose, clashes }
}

function define(scope: Scope, definitions: Growing[], clashes: Clash[]): Map<string, Growing> {
  const table = new Map<string, Growing>()
  const add = (definition: Growing): void => {
    const first = table.get(definition.name)
    if (first !== undefined) {
      clashes.push({ scope, name: definition.name, first, second: definition })
      return
    }
    table.set(definition.name, definition)
    definitions.push(definition)
  }
  const inputs = new Set(scope.inputs)
  for (const tensor of scope.initializers) {
    const alsoInput = inputs.has(tensor.name)
    add({ ...blank(scope, tensor.name, 'initializer'), alsoInput, tensor })
  }
  for (const name of scope.sparseInitializers) add({ ...blank(scope, name, 'sparse'), alsoInput: inputs.has(name) })
  const seen = new Set<string>()
  for (const name of scope.inputs) {
    const constant = table.get(name)
    if (constant?.alsoInput && !seen.has(name)) seen.add(name)
    else if (name !== '') add(blank(scope, name, 'input'))
  }
  for (const node of scope.nodes) {
    for (const [outputIndex, name] of node.outputs.entries()) {
      if (name !== '') add({ ...blank(scope, name, 'node'), node, outputIndex })
    }
  }
  return table
}

function blank(scope: Scope, name: string, kind: Definition['kind']): Growing {
  return { scope, name, kind, alsoInput: false, tensor: null, node: null, outputIndex: 0, uses: [], outputOf: [] }
}
