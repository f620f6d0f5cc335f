import type { DType } from '../../model/dtype.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import { type Connections, connect, type Definition } from '../consumers.ts'
import { consumerLabel } from '../labels.ts'
import { KnownValues } from '../rewrites/known-values.ts'
import type { Scope } from '../walk.ts'

/** The main graph as the rules of this folder look at it. */
export class Site {
  readonly model: Model
  readonly connections: Connections
  readonly scope: Scope
  readonly shapes: ReadonlyMap<string, readonly number[]>
  readonly readSmall: ReadSmall

  readonly #known: KnownValues

  static async of(model: Model, readSmall: ReadSmall, shapes: ReadonlyMap<string, readonly number[]>): Promise<Site> {
    const connections = connect(model)
    return new Site(model, readSmall, shapes, connections, await KnownValues.of(model, connections, readSmall))
  }

  private constructor(
    model: Model,
    readSmall: ReadSmall,
    shapes: ReadonlyMap<string, readonly number[]>,
    connections: Connections,
    known: KnownValues,
  ) {
    this.model = model
    this.connections = connections
    this.scope = connections.scopes[0] as Scope
    this.shapes = shapes
    this.readSmall = readSmall
    this.#known = known
  }

  get nodes(): readonly Node[] {
    return this.scope.nodes
  }

  definition(name: string): Definition | undefined {
    return name === '' ? undefined : this.connections.resolve(this.scope, name)
  }

  /** The node that computes a value. */
  producer(name: string): Node | null {
    return this.definition(name)?.node ?? null
  }

  constant(name: string): TensorRef | null {
    const definition = this.definition(name)
    return definition === undefined ? null : constantTensor(definition)
  }

  /** Readers of a value that are nodes of the main graph. */
  readers(name: string): readonly Node[] {
    const uses = this.definition(name)?.uses ?? []
    return uses.filter((use) => use.scope === this.scope).map((use) => use.node)
  }

  /** The one node that reads a value; null when there are more, when a body reads it or the graph returns it. */
  onlyReader(name: string): Node | null {
    const definition = this.definition(name)
    if (definition === undefined || definition.outputOf.length > 0) return null
    const nodes = new Set(definition.uses.map((use) => use.node))
    const [node] = nodes
    return nodes.size === 1 && definition.uses[0]?.scope === this.scope ? (node ?? null) : null
  }

  label(node: Node): string {
    return consumerLabel(node, this.scope)
  }

  rank(name: string): number | null {
    return (this.shapes.get(name) ?? this.#known.shape(this.scope, name))?.length ?? null
  }

  dtype(name: string): DType | null {
    return this.#known.dtype(this.scope, name) ?? null
  }

  /** As one run gave it, or as it follows from the inputs with a batch of one; null where a size is open. */
  shape(name: string): readonly number[] | null {
    const given = this.shapes.get(name)
    if (given !== undefined) return given
    const sizes = this.#known.shape(this.scope, name)?.map((size, axis) => size ?? (axis === 0 ? 1 : null))
    return sizes === undefined || sizes.includes(null) ? null : (sizes as readonly number[])
  }

  /** No input has an open dimension, so the runtime knows every shape too. */
  get isStatic(): boolean {
    const fed = this.scope.graph?.inputs.filter(({ name }) => this.constant(name) === null) ?? []
    return fed.every(({ shape }) => shape?.every((size) => typeof size === 'number' && size > 0))
  }

  /** The value of a scalar constant, or null. */
  async scalar(name: string): Promise<number | null> {
    const tensor = this.constant(name)
    if (tensor === null || tensor.dtype !== 'f32' || tensor.shape.some((size) => size !== 1)) return null
    if (tensor.storage.kind === 'opaque') return null
    const bytes = tensor.storage.kind === 'bytes' ? tensor.storage.bytes : await this.readSmall(tensor)
    if (bytes.byteLength !== 4) return null
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true)
  }

  /** The value of a scalar constant of 8 bits, or null. */
  async code(name: string): Promise<number | null> {
    const tensor = this.constant(name)
    if (tensor === null || (tensor.dtype !== 'u8' && tensor.dtype !== 'i8')) return null
    if (tensor.shape.some((size) => size !== 1) || tensor.storage.kind === 'opaque') return null
    const bytes = tensor.storage.kind === 'bytes' ? tensor.storage.bytes : await this.readSmall(tensor)
    const [byte] = bytes
    return byte === undefined ? null : tensor.dtype === 'i8' && byte > 127 ? byte - 256 : byte
  }
}
