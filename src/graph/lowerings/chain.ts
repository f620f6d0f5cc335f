import type { DType } from '../../model/dtype.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import type { LoweringContext } from '../../model/lowering.ts'
import { cast, int32s, int64s, makeNode } from './make.ts'

/** Nodes in order with the small constants they read: the pieces of one value, named as they are made. */
export class Chain {
  readonly nodes: Node[] = []
  readonly constants: TensorRef[] = []
  readonly context: LoweringContext

  constructor(context: LoweringContext) {
    this.context = context
  }

  push(node: Node): void {
    this.nodes.push(node)
  }

  /** One node with one output; returns its name, a fresh one unless given. */
  apply(op: string, inputs: readonly string[], output?: string): string {
    const name = output ?? this.context.fresh(`${inputs[0]}/${op}`)
    this.push(makeNode(op, inputs, [name]))
    return name
  }

  /** The input itself when nothing needs to change and no output name is asked for. */
  cast(input: string, from: DType, to: DType, output?: string): string {
    if (from === to && output === undefined) return input
    const name = output ?? this.context.fresh(`${input}/${to}`)
    this.push(cast(input, name, to))
    return name
  }

  /** Elements of `axis` by constant indices. */
  gather(input: string, indices: readonly number[], axis: number): string {
    const name = this.context.fresh(`${input}/repeated`)
    const at = this.context.fresh(`${input}/indices`)
    this.constants.push(int32s(at, indices))
    this.push(makeNode('Gather', [input, at], [name], { axis }))
    return name
  }

  reshape(input: string, shape: readonly number[], output?: string): string {
    const name = output ?? this.context.fresh(`${input}/reshaped`)
    const target = this.context.fresh(`${input}/shape`)
    this.constants.push(int64s(target, shape))
    this.push(makeNode('Reshape', [input, target], [name]))
    return name
  }
}
