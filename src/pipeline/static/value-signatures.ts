import { readsOf } from '../../graph/index.ts'
import type { Attribute, Model, Node, TensorRef } from '../../model/graph.ts'

/** Larger constants are equal when they are the same object, smaller ones by their bytes. */
const SMALL = 1 << 16
/** A character a byte, another one for another byte. */
const CHARACTERS = new TextDecoder('latin1')

/**
 * Numbers for the values of graphs: equal ones for values that are computed in the same way from the same constants and inputs, in whichever graph
 * they are. Names do not matter, but those of graph inputs.
 */
export class ValueSignatures {
  readonly #ids = new Map<string, number>()
  readonly #objects = new WeakMap<object, number>()
  #count = 0

  /** Of the main graph, by name. Nodes come after what they read, as the format has it. */
  of({ graph }: Model): ReadonlyMap<string, number> {
    const known = new Map<string, number>()
    for (const { name } of graph.inputs) known.set(name, this.#id(`input ${name}`))
    for (const tensor of graph.initializers) known.set(tensor.name, this.#constant(tensor))
    for (const node of graph.nodes) {
      const reads = node.inputs.map((name) => (name === '' ? '' : (known.get(name) ?? `outer ${name}`)))
      const inner = readsOf(node).map((name) => `${name} ${known.get(name)}`)
      const holds = node.attributes.some(({ kind }) => kind === 'graph' || kind === 'graphs')
      const attributes = node.attributes.map((one) => [one.name, one.kind, this.#attribute(one)])
      const key = JSON.stringify([node.domain, node.op, reads, attributes, holds ? inner : 0, node.outputs.length])
      for (const [at, name] of node.outputs.entries()) if (name !== '') known.set(name, this.#id(`${at} ${key}`))
    }
    return known
  }

  #attribute(attribute: Attribute): unknown {
    if (attribute.kind === 'other') return this.#object(attribute)
    const { kind, value } = attribute
    if (kind === 'tensor') return this.#constant(value)
    if (kind === 'graph') return this.#object(value)
    if (kind === 'tensors' || kind === 'graphs') return value.map((one) => this.#object(one))
    return kind === 'ints' ? value.map(String) : String(value)
  }

  #constant({ dtype, shape, storage }: TensorRef): number {
    const isSmall = storage.kind === 'bytes' && storage.byteLength <= SMALL
    const content = isSmall ? CHARACTERS.decode(storage.bytes) : `object ${this.#object(storage)}`
    return this.#id(`constant ${dtype} [${shape}] ${content}`)
  }

  #object(one: object): number {
    const known = this.#objects.get(one)
    if (known !== undefined) return known
    this.#count += 1
    this.#objects.set(one, this.#count)
    return this.#count
  }

  #id(key: string): number {
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    this.#count += 1
    this.#ids.set(key, this.#count)
    return this.#count
  }
}

/** Values that depend on constants alone. */
export function constantValues({ graph }: Model): ReadonlySet<string> {
  const found = new Set(graph.initializers.map(({ name }) => name))
  const given = new Set(graph.inputs.map(({ name }) => name))
  for (const name of given) found.delete(name)
  for (const node of graph.nodes)
    if (readsOf(node).every((name) => found.has(name)) && !isRandom(node))
      for (const name of node.outputs) found.add(name)
  return found
}

function isRandom({ op }: Node): boolean {
  return op.startsWith('Random') || op === 'Bernoulli' || op === 'Multinomial'
}
