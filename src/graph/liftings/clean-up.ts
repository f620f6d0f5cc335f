import type { Model, Node } from '../../model/graph.ts'
import { connect, type Definition } from '../consumers.ts'
import { freshNames } from '../fresh-names.ts'
import { rebuild } from '../rebuild.ts'
import { removeDead } from '../remove-dead.ts'
import { type Scope, scopeKey } from '../walk.ts'

/** Values that nothing reads in a model as given, so that nobody mistakes them for leftovers. */
export function unreadValues(definitions: readonly Definition[]): ReadonlySet<string> {
  const unread = definitions.filter(({ uses, outputOf }) => uses.length + outputOf.length === 0)
  return new Set(unread.map(({ scope, name }) => key(scope, name)))
}

/**
 * Removes nodes whose results nobody reads any more (other than those nobody read before), then the constants only they read,
 * also where these were graph inputs that gave a default.
 */
export function removeLeftovers(model: Model, unreadBefore: ReadonlySet<string>): Model {
  const { definitions, resolve, scopes } = connect(model)
  const readers = new Map<Definition, number>()
  const outputsOf = new Map<Node, Definition[]>()
  for (const definition of definitions) {
    readers.set(definition, definition.uses.length + definition.outputOf.length)
    if (definition.node === null) continue
    const list = outputsOf.get(definition.node)
    if (list === undefined) outputsOf.set(definition.node, [definition])
    else list.push(definition)
  }
  const dead = new Set<Node>()
  const queue = definitions.filter((definition) => readers.get(definition) === 0)
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    const { node } = at
    if (node === null || dead.has(node)) continue
    const outputs = outputsOf.get(node) ?? []
    const left = outputs.every((output) => readers.get(output) === 0)
    if (!left || outputs.every(({ scope, name }) => unreadBefore.has(key(scope, name)))) continue
    dead.add(node)
    for (const name of node.inputs) {
      const input = name === '' ? undefined : resolve(at.scope, name)
      if (input === undefined) continue
      const count = (readers.get(input) ?? 0) - 1
      readers.set(input, count)
      if (count === 0) queue.push(input)
    }
  }
  const without = rebuild(model, (scope) => withoutNodes(scope, dead), scopes)
  return withOwnNames(removeDead(withoutUnreadInputs(without, unreadBefore)))
}

/** Copies of a node carry its name; runtimes want every node to have its own. */
function withOwnNames(model: Model): Model {
  const fresh = freshNames(model)
  return rebuild(model, (scope) => {
    const seen = new Set<string>()
    let changed = false
    const nodes = scope.nodes.map((node) => {
      if (node.name === '' || !seen.has(node.name)) {
        seen.add(node.name)
        return node
      }
      changed = true
      return { ...node, name: fresh(node.name) }
    })
    return changed ? { nodes } : undefined
  })
}

function withoutNodes(scope: Scope, dead: ReadonlySet<Node>) {
  if (!scope.nodes.some((node) => dead.has(node))) return undefined
  const gone = new Set(scope.nodes.flatMap((node) => (dead.has(node) ? node.outputs : [])))
  const nodes = scope.nodes.filter((node) => !dead.has(node))
  if (scope.graph === null) return { nodes }
  return { nodes, values: scope.graph.values.filter(({ name }) => !gone.has(name)) }
}

/** Codes, scales and zeros that old files list among the inputs. */
function withoutUnreadInputs(model: Model, unreadBefore: ReadonlySet<string>): Model {
  const gone = new Set<string>()
  for (const { scope, name, alsoInput, uses, outputOf } of connect(model).definitions) {
    if (
      alsoInput &&
      scope.path.length === 0 &&
      uses.length + outputOf.length === 0 &&
      !unreadBefore.has(key(scope, name))
    )
      gone.add(name)
  }
  if (gone.size === 0) return model
  const { graph } = model
  return {
    ...model,
    graph: {
      ...graph,
      inputs: graph.inputs.filter(({ name }) => !gone.has(name)),
      initializers: graph.initializers.filter(({ name }) => !gone.has(name)),
    },
  }
}

function key(scope: Scope, name: string): string {
  return `${scopeKey(scope.path)} ${name}`
}
