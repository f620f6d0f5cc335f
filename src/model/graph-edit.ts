import type { Node, ScopePath, TensorRef, ValueInfo } from './graph.ts'

/** A change to one graph. Edits of many lowerings are merged and applied in one rebuild. */
export interface GraphEdit {
  readonly scope: ScopePath
  /** Nodes to replace by others at the same place; an empty list removes. Keys are node objects of the graph as read. */
  readonly replace?: ReadonlyMap<Node, readonly Node[]>
  /** Nodes to put in front of all others (they depend on constants only). */
  readonly prepend?: readonly Node[]
  readonly addInitializers?: readonly TensorRef[]
  readonly removeInitializers?: readonly string[]
  /** Graph inputs to drop (an initializer that was also listed as an input). */
  readonly removeInputs?: readonly string[]
  readonly addValues?: readonly ValueInfo[]
  /** Domains whose import the edit needs, with the least version. */
  readonly opsets?: readonly { readonly domain: string; readonly version: number }[]
}
