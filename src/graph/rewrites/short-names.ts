import type { Model, Node } from '../../model/graph.ts'
import { usedNames } from '../fresh-names.ts'
import { rebuild, type ScopeChange } from '../rebuild.ts'
import { bodiesOf, type Scope, scopesOf } from '../walk.ts'

/**
 * Values between nodes that are new get the shortest free names (`t0`, `t1` ... in the order of the graph), and new nodes none:
 * names made of names of names would be most of what a small model grows by. Names that `before` has, inputs and outputs of
 * graphs and initializers stay as they are. New names are unique over all scopes, so one map serves every body that reads them.
 */
export function shortenNames(model: Model, before: Model): Model {
  const known = usedNames(before)
  const scopes = scopesOf(model)
  const kept = new Set(known)
  for (const scope of scopes) {
    for (const name of [...scope.inputs, ...scope.outputs, ...scope.sparseInitializers]) kept.add(name)
    for (const { name } of scope.initializers) kept.add(name)
  }
  const taken = usedNames(model)
  const names = new Map<string, string>()
  let last = -1
  for (const name of scopes.flatMap((scope) => scope.nodes.flatMap((node) => node.outputs))) {
    if (name === '' || kept.has(name) || names.has(name)) continue
    let short: string
    do short = `t${++last}`
    while (taken.has(short) || known.has(short))
    names.set(name, short)
  }
  return rebuild(model, (scope) => shortened(scope, names, known), scopes)
}

function shortened(
  scope: Scope,
  names: ReadonlyMap<string, string>,
  known: ReadonlySet<string>,
): ScopeChange | undefined {
  const nameOf = (name: string): string => names.get(name) ?? name
  let changed = false
  const nodes = scope.nodes.map((node): Node => {
    // Paths of bodies are made of the names of the nodes that hold them.
    const unnamed = node.name !== '' && !known.has(node.name) && bodiesOf(node).length === 0
    if (!unnamed && ![...node.inputs, ...node.outputs].some((name) => names.has(name))) return node
    changed = true
    return {
      ...node,
      name: unnamed ? '' : node.name,
      inputs: node.inputs.map(nameOf),
      outputs: node.outputs.map(nameOf),
    }
  })
  if (!changed) return undefined
  if (scope.graph === null) return { nodes }
  return { nodes, values: scope.graph.values.map((value) => ({ ...value, name: nameOf(value.name) })) }
}
