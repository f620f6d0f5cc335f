import type { ScopePath } from '../../model/graph.ts'
import { type Scope, scopeKey } from '../walk.ts'

/**
 * Key of a value as one scope sees it, for statistics: the name itself in the main graph, `["If_0","then_branch"]/name` in bodies. What
 * a body takes from outside has a key of its own there, since a branch may be taken for some samples only.
 */
export function bodyValueKey(path: ScopePath, name: string): string {
  return path.length === 0 ? name : `${scopeKey(path)}/${name}`
}

/** The body and the name that a key means; undefined for names of the main graph and for anything else. */
export function bodyValueOf(
  key: string,
  scopes: ReadonlyMap<string, Scope>,
): { readonly scope: Scope; readonly name: string } | undefined {
  if (!key.startsWith('[')) return undefined
  for (let at = key.indexOf(']/'); at >= 0; at = key.indexOf(']/', at + 1)) {
    const scope = scopes.get(key.slice(0, at + 1))
    if (scope !== undefined) return { scope, name: key.slice(at + 2) }
  }
  return undefined
}
