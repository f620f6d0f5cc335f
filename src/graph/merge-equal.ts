import type { Model } from '../model/graph.ts'
import type { SharedGroup } from '../model/inventory.ts'
import { constantTensor } from './constant-nodes.ts'
import { type Connections, connect, type Definition } from './consumers.ts'
import { redirectUses } from './redirect-uses.ts'
import { removeDead } from './remove-dead.ts'
import { type Scope, scopeKey } from './walk.ts'

/**
 * Makes the readers of equal constants read one of them and removes the others.
 * `groups` come from `findShared`; transposed members stay, and so do members of another shape than the one kept, ones
 * that callers see (graph inputs and outputs) and ones in a scope where the kept name is not visible.
 * Kept is the first member in the outermost scope, so results do not depend on the order of groups.
 */
export function mergeEqual(model: Model, groups: readonly SharedGroup[]): Model {
  const connections = connect(model)
  const scopes = new Map(connections.scopes.map((scope) => [scopeKey(scope.path), scope]))
  const renames = new Map<Definition, string>()
  for (const group of groups) {
    const members: Definition[] = []
    for (const { name, scope, transposed } of group.names) {
      const found = scopes.get(scopeKey(scope))
      const definition = found && connections.own(found).get(name)
      if (definition !== undefined && !transposed) members.push(definition)
    }
    members.sort((a, b) => a.scope.path.length - b.scope.path.length)
    const kept = members.find((member) => !member.alsoInput)
    if (kept === undefined) continue
    for (const member of members) if (canFollow(member, kept, connections)) renames.set(member, kept.name)
  }
  return renames.size === 0 ? model : removeDead(redirectUses(model, renames, connections))
}

function canFollow(member: Definition, kept: Definition, connections: Connections): boolean {
  if (member === kept || member.alsoInput || member.outputOf.length > 0) return false
  const tensor = constantTensor(member)
  const other = constantTensor(kept)
  if (tensor === null || other === null || tensor.dtype !== other.dtype) return false
  if (tensor.shape.length !== other.shape.length || tensor.shape.some((size, axis) => size !== other.shape[axis])) {
    return false
  }
  const seenFrom = (scope: Scope): boolean => connections.resolve(scope, kept.name) === kept
  return seenFrom(member.scope) && member.uses.every((use) => seenFrom(use.scope)) && comesFirst(kept, member)
}

/** A `Constant` node serves only nodes after it; other definitions are there from the start. */
function comesFirst(kept: Definition, member: Definition): boolean {
  if (kept.node === null) return true
  if (kept.scope !== member.scope || member.node === null) return false
  return kept.scope.nodes.indexOf(kept.node) < kept.scope.nodes.indexOf(member.node)
}
