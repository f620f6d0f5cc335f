import type { Connections, Definition } from '../consumers.ts'
import type { Scope } from '../walk.ts'

/** What each body takes from the scopes around it, for bodies inside it (these first) or itself, in the order of reads. */
export function capturesOf(connections: Connections): ReadonlyMap<Scope, ReadonlyMap<string, Definition>> {
  const captures = new Map<Scope, Map<string, Definition>>(connections.scopes.map((scope) => [scope, new Map()]))
  // Bodies come behind what is around them.
  for (const scope of [...connections.scopes].reverse()) {
    const own = captures.get(scope)!
    const note = (name: string): void => {
      const definition = name === '' ? undefined : connections.resolve(scope, name)
      if (definition !== undefined && definition.scope !== scope) own.set(name, definition)
    }
    for (const node of scope.nodes) node.inputs.forEach(note)
    scope.outputs.forEach(note)
    if (scope.parent === null) continue
    const around = captures.get(scope.parent)!
    for (const [name, definition] of own) if (definition.scope !== scope.parent) around.set(name, definition)
  }
  return captures
}
