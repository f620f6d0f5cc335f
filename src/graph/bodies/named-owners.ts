import type { Model } from '../../model/graph.ts'
import { freshNames } from '../fresh-names.ts'
import { rebuild } from '../rebuild.ts'
import { bodiesOf, nodeKeys } from '../walk.ts'

/** Every node that holds bodies gets a name of its own, so that the paths of its bodies stay when nodes come in before it. */
export function nameOwners(model: Model): Model {
  const fresh = freshNames(model)
  return rebuild(model, (scope) => {
    const keys = nodeKeys(scope.nodes)
    let changed = false
    const nodes = scope.nodes.map((node) => {
      const key = keys.get(node) as string
      if (key === node.name || bodiesOf(node).length === 0) return node
      changed = true
      return { ...node, name: fresh(key) }
    })
    return changed ? { nodes } : undefined
  })
}
