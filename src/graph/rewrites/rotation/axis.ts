import type { Node, TensorRef } from '../../../model/graph.ts'
import { intsAttribute } from '../../attributes.ts'
import { constantTensor } from '../../constant-nodes.ts'
import type { Connections, Definition } from '../../consumers.ts'
import type { Scope } from '../../walk.ts'
import type { KnownSizes } from './sizes.ts'

/** A run of an axis; end exclusive. */
export interface Part {
  readonly start: number
  readonly end: number
}

/** Where elements lie that are rotated together: an axis of a value, counted from the end (1: the last), or a part of it. */
export interface Along {
  readonly fromEnd: number
  readonly part: Part | null
}

/** An input or output of a node. */
export interface Port {
  readonly side: 'in' | 'out'
  readonly index: number
}

/**
 * What has to be rotated if the axis at one port of a node is. 'same': elements stay what they are. 'resized': runs of them do, on an axis of
 * another length. 'contraction': products are summed over both axes. 'gain': multiplied by a constant an element; 'norm': a norm over
 * the axis, with its gain. `backwards`: from the result to the input.
 */
export interface Link extends Along {
  readonly port: Port
  readonly how: 'same' | 'resized' | 'contraction' | 'gain' | 'norm'
  readonly gain?: Definition | null
  readonly backwards?: boolean
  /** A norm that subtracts the mean. */
  readonly centred?: boolean
  /** The axis of the node's first output holds so many heads, and no run is longer than one. */
  readonly heads?: number
}

/** Links of a node's port, or why a rotation cannot pass. */
export type Links = readonly Link[] | string

export type Rule = (node: Node, scope: Scope, port: Port, along: Along, facts: Facts) => Links

export const input = (index: number): Port => ({ side: 'in', index })
export const output = (index: number): Port => ({ side: 'out', index })

export const FLOATS: ReadonlySet<string> = new Set(['f32', 'f16', 'bf16', 'f64'])

/** What rules ask about a graph. */
export class Facts {
  readonly connections: Connections
  readonly #known: KnownSizes

  constructor(connections: Connections, known: KnownSizes) {
    this.connections = connections
    this.#known = known
  }

  at(scope: Scope, node: Node, port: Port): Definition | undefined {
    const name = (port.side === 'in' ? node.inputs : node.outputs)[port.index] ?? ''
    return name === '' ? undefined : this.connections.resolve(scope, name)
  }

  constant(scope: Scope, name: string | undefined): TensorRef | null {
    const definition = name ? this.connections.resolve(scope, name) : undefined
    return definition ? constantTensor(definition) : null
  }

  rank(scope: Scope, name: string | undefined): number | undefined {
    return this.#known.shape(scope, name ?? '')?.length
  }

  /** Null where it is not known. */
  size(scope: Scope, name: string, fromEnd: number): number | null {
    return this.#known.shape(scope, name)?.at(-fromEnd) ?? null
  }

  shape(scope: Scope, name: string): readonly (number | null)[] | undefined {
    return this.#known.shape(scope, name)
  }

  integers(scope: Scope, name: string | undefined): readonly number[] | undefined {
    const list = name ? this.#known.integers(scope, name) : undefined
    return list?.every((one) => one !== null) ? (list as readonly number[]) : undefined
  }

  /** How many parts a Reshape cuts the last axis into, where it asks for those and leaves their length open. */
  partsAsked(scope: Scope, node: Node): number | null {
    const asked = this.#known.integers(scope, node.inputs[1] ?? '') ?? []
    const parts = asked.at(-2) ?? 0
    return asked.at(-1) === -1 && parts > 1 && asked.slice(0, -2).every((one) => one === 0 || one === null)
      ? parts
      : null
  }

  /** Axes of an attribute or an input, counted from the end; null where that is not known. */
  axesFromEnd(
    scope: Scope,
    node: Node,
    at: { attribute: string; input?: number; of: string },
  ): readonly number[] | null {
    const axes =
      intsAttribute(node, at.attribute) ??
      (at.input === undefined ? undefined : this.integers(scope, node.inputs[at.input]))
    if (axes === undefined) return null
    const rank = this.rank(scope, at.of)
    if (rank === undefined && axes.some((axis) => axis >= 0)) return null
    return axes.map((axis) => (axis < 0 ? -axis : (rank as number) - axis))
  }

  /** One axis, counted from the end; null where the rank is not known. */
  axisFromEnd(scope: Scope, axis: number, of: string): number | null {
    if (axis < 0) return -axis
    const rank = this.rank(scope, of)
    return rank === undefined ? null : rank - axis
  }
}

export const isFull = (along: Along): boolean => along.part === null

/** Elements of a tensor. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** One number, or one for each element of the last axis. */
export function isVector({ shape }: TensorRef): boolean {
  const count = elementCount(shape)
  return count === 1 || count === shape.at(-1)
}
