import type { Node, TensorRef } from '../../../model/graph.ts'
import type { GraphEdit } from '../../../model/graph-edit.ts'
import { isConstantNode } from '../../constant-nodes.ts'
import type { Definition } from '../../consumers.ts'
import { type Scope, scopeKey } from '../../walk.ts'

interface NodeChange {
  readonly scope: Scope
  readonly inputs: Map<number, string>
  readonly outputs: Map<number, string>
  readonly before: Node[]
  readonly after: Node[]
  dropped: boolean
}

/** Changes to nodes and constants, collected and then made in one edit a scope. */
export class NodeChanges {
  readonly #nodes = new Map<Node, NodeChange>()
  readonly #scopes = new Map<
    string,
    { scope: Scope; added: TensorRef[]; removed: string[]; unfed: string[]; first: Node[] }
  >()

  of(node: Node, scope: Scope): NodeChange {
    const known = this.#nodes.get(node)
    if (known) return known
    const change: NodeChange = {
      ...{ scope, inputs: new Map(), outputs: new Map(), before: [], after: [], dropped: false },
    }
    this.#nodes.set(node, change)
    return change
  }

  add(scope: Scope, tensor: TensorRef): void {
    this.#at(scope).added.push(tensor)
  }

  /** In front of all nodes. */
  first(scope: Scope, node: Node): void {
    this.#at(scope).first.push(node)
  }

  /** Another constant under the same name. */
  put({ node, name, scope, alsoInput }: Definition, tensor: TensorRef): void {
    if (node && isConstantNode(node)) this.of(node, scope).dropped = true
    else this.#at(scope).removed.push(name)
    if (alsoInput) this.#at(scope).unfed.push(name)
    this.add(scope, { ...tensor, name })
  }

  edits(): readonly GraphEdit[] {
    const replacing = new Map<string, Map<Node, readonly Node[]>>()
    for (const [node, { scope, inputs, outputs, before, after, dropped }] of this.#nodes) {
      this.#at(scope)
      const key = scopeKey(scope.path)
      const replace = replacing.get(key) ?? new Map<Node, readonly Node[]>()
      replacing.set(key, replace)
      const { carrier: _carrier, ...plain } = node
      const changed: Node = {
        ...plain,
        inputs: node.inputs.map((name, index) => inputs.get(index) ?? name),
        outputs: node.outputs.map((name, index) => outputs.get(index) ?? name),
      }
      replace.set(node, [...before, ...(dropped ? [] : [changed]), ...after])
    }
    return [...this.#scopes].map(([key, { scope, added, removed, unfed, first }]) => ({
      scope: scope.path,
      replace: replacing.get(key) ?? new Map(),
      prepend: first,
      addInitializers: added,
      removeInitializers: removed,
      removeInputs: unfed,
    }))
  }

  #at(scope: Scope): { scope: Scope; added: TensorRef[]; removed: string[]; unfed: string[]; first: Node[] } {
    const key = scopeKey(scope.path)
    const known = this.#scopes.get(key) ?? { scope, added: [], removed: [], unfed: [], first: [] }
    this.#scopes.set(key, known)
    return known
  }
}
