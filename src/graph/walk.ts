import type { FunctionBody, Graph, Model, Node, ScopePath, TensorRef } from '../model/graph.ts'

/** One list of nodes with its own names: the main graph, a body inside an attribute, or a model-local function. */
export interface Scope {
  readonly path: ScopePath
  /** The scope whose names are visible here; null for the main graph and for functions. */
  readonly parent: Scope | null
  /** The node that holds this body; null for the main graph and for functions. */
  readonly owner: Node | null
  /** Null for functions. */
  readonly graph: Graph | null
  /** Null for graphs. */
  readonly body: FunctionBody | null
  readonly nodes: readonly Node[]
  /** Empty for functions. */
  readonly initializers: readonly TensorRef[]
  readonly sparseInitializers: readonly string[]
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

const NO_INITIALIZERS: readonly TensorRef[] = []
const NO_NAMES: readonly string[] = []

/** Key of a scope path for maps. */
export function scopeKey(path: ScopePath): string {
  return JSON.stringify(path)
}

/**
 * Keys of the nodes of one graph, as used in scope paths: the name, or `Op#index` for nodes without one.
 * A name used twice gets `#index` from its second node on, so keys are unique within the graph.
 */
export function nodeKeys(nodes: readonly Node[]): ReadonlyMap<Node, string> {
  const keys = new Map<Node, string>()
  const taken = new Set<string>()
  for (const node of nodes) if (node.name !== '') taken.add(node.name)
  const given = new Set<string>()
  for (const [index, node] of nodes.entries()) {
    let key = node.name === '' ? `${node.op}#${index}` : node.name
    if (node.name === '' ? taken.has(key) : given.has(key)) key = `${key}#${index}`
    while (given.has(key)) key += "'"
    given.add(key)
    keys.set(node, key)
  }
  return keys
}

/** `Op`, or `domain::Op` outside ai.onnx. */
export function operatorName(node: Node): string {
  return isStandard(node) ? node.op : `${node.domain}::${node.op}`
}

/** True for operators of ai.onnx under either of its spellings. */
export function isStandard(node: Node): boolean {
  return node.domain === '' || node.domain === 'ai.onnx'
}

/**
 * All scopes of a model: the main graph, then bodies depth first in node and attribute order, then functions in file order.
 * A parent always comes before its bodies, so the reverse order visits bodies first.
 */
export function scopesOf(model: Model): readonly Scope[] {
  const scopes: Scope[] = []
  walkFrom(graphScope([], null, null, model.graph), scopes)
  for (const body of model.functions) walkFrom(functionScope(body), scopes)
  return scopes
}

/** Bodies held by a node's attributes with the last step of their path. */
export function bodiesOf(node: Node): readonly { readonly step: string; readonly graph: Graph }[] {
  const bodies: { step: string; graph: Graph }[] = []
  for (const attribute of node.attributes) {
    if (attribute.kind === 'graph') bodies.push({ step: attribute.name, graph: attribute.value })
    if (attribute.kind === 'graphs') {
      for (const [index, graph] of attribute.value.entries()) bodies.push({ step: `${attribute.name}#${index}`, graph })
    }
  }
  return bodies
}

/** An explicit stack instead of recursion: nesting is bounded by the file, not by us. */
function walkFrom(root: Scope, scopes: Scope[]): void {
  const stack = [root]
  for (let scope = stack.pop(); scope !== undefined; scope = stack.pop()) {
    scopes.push(scope)
    const children: Scope[] = []
    let keys: ReadonlyMap<Node, string> | undefined
    for (const node of scope.nodes) {
      for (const { step, graph } of bodiesOf(node)) {
        keys ??= nodeKeys(scope.nodes)
        children.push(graphScope([...scope.path, keys.get(node)!, step], scope, node, graph))
      }
    }
    while (children.length > 0) stack.push(children.pop()!)
  }
}

function graphScope(path: ScopePath, parent: Scope | null, owner: Node | null, graph: Graph): Scope {
  const { nodes, initializers, sparseInitializers } = graph
  const inputs = graph.inputs.map((value) => value.name)
  const outputs = graph.outputs.map((value) => value.name)
  return { path, parent, owner, graph, body: null, nodes, initializers, sparseInitializers, inputs, outputs }
}

function functionScope(body: FunctionBody): Scope {
  return {
    path: ['function', `${body.domain}::${body.name}`],
    parent: null,
    owner: null,
    graph: null,
    body,
    nodes: body.nodes,
    initializers: NO_INITIALIZERS,
    sparseInitializers: NO_NAMES,
    inputs: body.inputs,
    outputs: body.outputs,
  }
}

/** Whether a scope belongs to the body of a model-local function. */
export function isInFunction(scope: Scope): boolean {
  let at = scope
  while (at.parent !== null) at = at.parent
  return at.body !== null
}
