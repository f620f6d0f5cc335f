import { nodeKey } from '../../graph/half/index.ts'
import { scopesOf } from '../../graph/index.ts'
import type { Model } from '../../model/graph.ts'
import type { Inventory } from '../../model/inventory.ts'
import type { Reason } from '../../model/plan.ts'
import { labelOf, labelsOf } from '../labels.ts'
import { matchRule, nodeMatcher, type Rule } from '../rules.ts'

/**
 * Nodes that rules keep in f32: those they match themselves, by label or operator, and those that take a constant they match. The rules
 * that are left speak of constants; E_USAGE where one matches neither.
 */
export function keptByRules(
  model: Model,
  inventory: Inventory,
  rules: readonly Rule[],
): { readonly nodes: ReadonlyMap<string, Reason>; readonly rules: readonly Rule[] } {
  const nodes = new Map<string, Reason>()
  const left: Rule[] = []
  const context = { weights: inventory.weights, nodeLabels: inventory.nodes.map(labelOf), labelOf: labelsOf }
  const scopes = scopesOf(model)
  for (const rule of rules) {
    if (rule.what !== 'keep') {
      left.push(rule)
      continue
    }
    const because: Reason = { code: 'kept-by-rule', text: `rule ${rule.text}` }
    const matches = nodeMatcher(rule)
    let found = false
    for (const scope of scopes) {
      for (const node of scope.nodes) {
        const key = nodeKey(scope, node)
        if (key === null || !matches(labelOf(node), node.op, node.outputs)) continue
        nodes.set(key, because)
        found = true
      }
    }
    let matched: ReturnType<typeof matchRule> | undefined
    try {
      matched = matchRule(rule, context)
    } catch (thrown) {
      if (!found) throw thrown
    }
    if (matched === undefined) continue
    left.push(rule)
    const names = new Set([...matched.matches].map((index) => inventory.weights[index]?.name))
    for (const scope of scopes) {
      for (const node of scope.nodes) {
        const key = nodeKey(scope, node)
        if (key !== null && node.inputs.some((name) => names.has(name))) nodes.set(key, because)
      }
    }
  }
  return { nodes, rules: left }
}
