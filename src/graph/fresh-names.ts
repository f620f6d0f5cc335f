import type { Model } from '../model/graph.ts'
import { scopesOf } from './walk.ts'

/** Every name of a value or node anywhere in the model, whatever its scope. */
export function usedNames(model: Model): Set<string> {
  const names = new Set<string>()
  for (const scope of scopesOf(model)) {
    for (const name of scope.inputs) names.add(name)
    for (const name of scope.outputs) names.add(name)
    for (const tensor of scope.initializers) names.add(tensor.name)
    for (const name of scope.sparseInitializers) names.add(name)
    for (const value of scope.graph?.values ?? []) names.add(value.name)
    for (const node of scope.nodes) {
      names.add(node.name)
      for (const name of node.inputs) names.add(name)
      for (const name of node.outputs) names.add(name)
    }
  }
  names.delete('')
  return names
}

/** A giver of names that nothing in the model uses, and that it has not given before: `base`, then `base_1`, `base_2` ... */
export function freshNames(model: Model): (base: string) => string {
  const used = usedNames(model)
  const last = new Map<string, number>()
  return (base) => {
    let name = base
    let suffix = last.get(base) ?? 0
    while (name === '' || used.has(name)) name = `${base}_${++suffix}`
    last.set(base, suffix)
    used.add(name)
    return name
  }
}
