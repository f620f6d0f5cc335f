import type { Attribute, Graph, Node, TensorRef } from '../../model/graph.ts'

/** Operators in front of a product that give equal results for equal inputs, and that lowerings write once per weight. */
const SHAREABLE = new Set([
  'DynamicQuantizeLinear',
  'Transpose',
  'Cast',
  'Mul',
  'Abs',
  'ReduceMax',
  'Max',
  'Div',
  'QuantizeLinear',
])

/** Constants that lowerings make are scalars, shapes and vectors; nothing longer is compared. */
const LONGEST_CONSTANT = 1 << 16

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

/** Elements of a constant that a lowering made; null for what was read from a file. */
function contents(tensor: TensorRef): string | null {
  const { storage, carrier, dtype, shape } = tensor
  if (storage.kind !== 'bytes' || carrier !== undefined || storage.byteLength > LONGEST_CONSTANT) return null
  let text = ''
  for (const byte of storage.bytes) text += String.fromCharCode(byte)
  return JSON.stringify([dtype, shape, text])
}

/** Equal constants of one graph under the name of the first; `names` learns the others. */
function merged(graph: Graph, names: Map<string, string>): readonly TensorRef[] {
  const seen = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name))
  const first = new Map<string, string>()
  const left = graph.initializers.filter((tensor) => {
    const key = seen.has(tensor.name) ? null : contents(tensor)
    const twin = key === null ? undefined : first.get(key)
    if (twin !== undefined) names.set(tensor.name, twin)
    else if (key !== null) first.set(key, tensor.name)
    return twin === undefined
  })
  return left.length === graph.initializers.length ? graph.initializers : left
}

/**
 * Merges equal nodes that quantize an activation, with what stands in front of them, so that one activation is quantized once for
 * all weights that multiply it, and the small constants they read. Only what has no carrier is merged: what lowerings made.
 * Bodies of control flow share among themselves, not with the graph around them, where a branch that is not taken would cost.
 */
export function shareDynamic(graph: Graph, outer: ReadonlyMap<string, string> = new Map()): Graph {
  const names = new Map(outer)
  for (const { name } of [...graph.inputs, ...graph.initializers]) names.delete(name)
  const initializers = merged(graph, names)
  const outputs = new Set(graph.outputs.map((output) => output.name))
  const first = new Map<string, Node>()
  const nodes: Node[] = []
  let changed = initializers !== graph.initializers
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
  return changed ? { ...graph, nodes, initializers } : graph
}
