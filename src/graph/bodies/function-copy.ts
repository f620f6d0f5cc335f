import type { Attribute, FunctionBody, Graph, Node } from '../../model/graph.ts'

/** Where a function is called, and how its copy gets names. */
export interface Call {
  readonly node: Node
  /** Prefix of the names in the copy. */
  readonly label: string
  fresh(base: string): string
}

/**
 * The nodes of a function as one call of it computes them: formal names become those of the call, all others new ones. A string says
 * why there is no copy: an attribute that is left to a default, or sparse constants.
 */
export function copyOf(body: FunctionBody, call: Call): readonly Node[] | string {
  const made = new Set(body.nodes.flatMap((node) => node.outputs))
  const names = new Map<string, string>([['', '']])
  for (const [index, formal] of body.inputs.entries()) names.set(formal, call.node.inputs[index] ?? '')
  const through: (readonly [formal: string, actual: string])[] = []
  for (const [index, formal] of body.outputs.entries()) {
    const actual = call.node.outputs[index] ?? ''
    if (actual === '') continue
    if (made.has(formal) && !names.has(formal)) names.set(formal, actual)
    else through.push([formal, actual])
  }
  const copier = new Copier(call)
  const nodes = body.nodes.map((node) => copier.node(node, names))
  if (copier.problem !== null) return copier.problem
  const identities = through.map(
    ([formal, actual]): Node => ({
      name: '',
      op: 'Identity',
      domain: '',
      inputs: [names.get(formal) ?? formal],
      outputs: [actual],
      attributes: [],
    }),
  )
  return [...nodes, ...identities]
}

class Copier {
  problem: string | null = null
  readonly #call: Call

  constructor(call: Call) {
    this.#call = call
  }

  node(node: Node, names: Map<string, string>): Node {
    return {
      ...node,
      name: node.name === '' ? '' : this.#call.fresh(`${this.#call.label}/${node.name}`),
      inputs: node.inputs.map((name) => this.#name(name, names)),
      outputs: node.outputs.map((name) => this.#name(name, names)),
      attributes: node.attributes.flatMap((attribute) => this.#attribute(attribute, names)),
    }
  }

  /** Bodies have names of their own, and see those around. */
  #graph(graph: Graph, around: ReadonlyMap<string, string>): Graph {
    if (graph.sparseInitializers.length > 0) this.problem = 'it holds sparse constants'
    const names = new Map(around)
    for (const { name } of [...graph.inputs, ...graph.initializers]) names.delete(name)
    for (const name of graph.nodes.flatMap((node) => node.outputs)) names.delete(name)
    names.set('', '')
    const renamed = <T extends { readonly name: string }>(one: T): T => ({ ...one, name: this.#name(one.name, names) })
    return {
      ...graph,
      inputs: graph.inputs.map(renamed),
      initializers: graph.initializers.map(renamed),
      nodes: graph.nodes.map((node) => this.node(node, names)),
      values: graph.values.map(renamed),
      outputs: graph.outputs.map(renamed),
    }
  }

  #attribute(attribute: Attribute, names: ReadonlyMap<string, string>): readonly Attribute[] {
    if (attribute.kind === 'graph') return [{ ...attribute, value: this.#graph(attribute.value, names) }]
    if (attribute.kind === 'graphs') {
      return [{ ...attribute, value: attribute.value.map((graph) => this.#graph(graph, names)) }]
    }
    if (attribute.kind !== 'ref') return [attribute]
    const given = this.#call.node.attributes.find(({ name }) => name === attribute.value)
    if (given !== undefined) return [{ ...given, name: attribute.name }]
    this.problem = `"${attribute.value}" is left to its default`
    return []
  }

  #name(name: string, names: Map<string, string>): string {
    const known = names.get(name)
    if (known !== undefined) return known
    const own = this.#call.fresh(`${this.#call.label}/${name}`)
    names.set(name, own)
    return own
  }
}
