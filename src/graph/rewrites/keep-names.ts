import type { Model, Node } from '../../model/graph.ts'
import { scopesOf } from '../walk.ts'

/**
 * Constants of the main graph that a rewrite made anew get the names back that those had in whose place they are: rules and reports
 * name weights as the file does. A name that still means something else stays away, as does one that bodies read.
 */
export function keepConstantNames(before: Model, after: Model): Model {
  if (before === after) return after
  const nodes = nodesByIdentity(before)
  const taken = new Set<string>()
  const inBodies = new Set<string>()
  for (const [at, scope] of scopesOf(after).entries()) {
    for (const name of [...scope.inputs, ...scope.outputs, ...scope.sparseInitializers]) taken.add(name)
    for (const { name } of scope.initializers) taken.add(name)
    for (const node of scope.nodes) {
      for (const name of [...node.inputs, ...node.outputs]) {
        taken.add(name)
        if (at > 0) inBodies.add(name)
      }
    }
  }
  const known = new Set(before.graph.initializers.map(({ name }) => name))
  const fresh = new Set(after.graph.initializers.map(({ name }) => name).filter((name) => !known.has(name)))
  const names = new Map<string, string>()
  for (const node of after.graph.nodes) {
    const old = identitiesOf(node)
      .map((key) => nodes.get(key))
      .find((one) => one?.op === node.op)
    if (!old) continue
    for (const [index, name] of node.inputs.entries()) {
      const was = old.inputs[index] ?? ''
      if (was === '' || was === name || !fresh.has(name) || inBodies.has(name)) continue
      if (taken.has(was) || names.has(name)) continue
      names.set(name, was)
      taken.add(was)
    }
  }
  if (names.size === 0) return after
  const now = (name: string): string => names.get(name) ?? name
  const { graph } = after
  return {
    ...after,
    graph: {
      ...graph,
      nodes: graph.nodes.map((node) =>
        node.inputs.some((name) => names.has(name)) ? { ...node, inputs: node.inputs.map(now) } : node,
      ),
      initializers: graph.initializers.map((one) => (names.has(one.name) ? { ...one, name: now(one.name) } : one)),
      values: graph.values.filter(({ name }) => !names.has(name)),
    },
  }
}

/** By name where one node alone has it, and by first output. */
function nodesByIdentity({ graph }: Model): ReadonlyMap<string, Node> {
  const found = new Map<string, Node | undefined>()
  for (const node of graph.nodes)
    for (const key of identitiesOf(node)) found.set(key, found.has(key) ? undefined : node)
  return new Map([...found].flatMap(([key, node]) => (node === undefined ? [] : [[key, node] as const])))
}

function identitiesOf({ name, outputs }: Node): readonly string[] {
  return [...(outputs[0] ? [`output ${outputs[0]}`] : []), ...(name === '' ? [] : [`name ${name}`])]
}
