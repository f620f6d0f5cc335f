import type { Attribute, Graph, Node } from '../../model/graph.ts'

/** Operators in front of a product that give equal results for equal inputs, and that lowerings write once per weight. */
const SHAREABLE = new Set(['DynamicQuantizeLinear', 'Transpose', 'Cast'])

function signature(node: Node): string | null {
  if (node.domain !== '' || !SHAREABLE.has(node.op)) return null
  const attributes: unknown[] = []
  for (const attribute of node.attributes) {
    if (attribute.kind !== 'int' && attribute.kind !== 'ints') return null
    attributes.push([attribute.name, String(attribute.value)])
  }
  return JSON.stringify([node.op, node.inputs, attributes])
}

function renamed(node: Node, names: ReadonlyMap<string, string>): Node {
  const inputs = node.inputs.map((name) => names.get(name) ?? name)
  const attributes = node.attributes.map((attribute) => renamedBodies(attribute, names))
  const same =
    inputs.every((name, index) => name === node.inputs[index]) &&
    attributes.every((attribute, index) => attribute === node.attributes[index])
  return same ? node : { ...node, inputs, attributes }
}

function renamedBodies(attribute: Attribute, names: ReadonlyMap<string, string>): Attribute {
  if (attribute.kind === 'graph') {
    const value = shareDynamic(attribute.value, names)
    return value === attribute.value ? attribute : { ...attribute, value }
  }
  if (attribute.kind === 'graphs') {
    const value = attribute.value.map((graph) => shareDynamic(graph, names))
    return value.every((graph, index) => graph === attribute.value[index]) ? attribute : { ...attribute, value }
  }
  return attribute
}

/**
 * Merges equal DynamicQuantizeLinear nodes of one graph, with the Cast and Transpose in front of them, so that one activation is
 * quantized once for all weights that multiply it. Only nodes without a carrier are merged: those that lowerings made.
 * Bodies of control flow share among themselves, not with the graph around them, where a branch that is not taken would cost.
 */
export function shareDynamic(graph: Graph, outer: ReadonlyMap<string, string> = new Map()): Graph {
  const names = new Map(outer)
  for (const input of graph.inputs) names.delete(input.name)
  const outputs = new Set(graph.outputs.map((output) => output.name))
  const first = new Map<string, Node>()
  const nodes: Node[] = []
  let changed = false
  for (const original of graph.nodes) {
    const node = renamed(original, names)
    const key = node.carrier === undefined ? signature(node) : null
    const twin = key === null ? undefined : first.get(key)
    if (twin !== undefined && !node.outputs.some((name) => outputs.has(name))) {
      node.outputs.forEach((name, index) => {
        if (name !== '') names.set(name, twin.outputs[index] ?? name)
      })
      changed = true
      continue
    }
    if (key !== null && twin === undefined) first.set(key, node)
    if (node !== original) changed = true
    nodes.push(node)
  }
  return changed ? { ...graph, nodes } : graph
}
