import type { DType } from './dtype.ts'
import type { Node, ScopePath, TensorRef } from './graph.ts'
import type { MatrixView } from './scheme.ts'

/** A node's part in a weight's life. */
export type WeightRole =
  | 'matmul' // MatMul input 1, rank >= 2
  | 'matmul-left' // MatMul input 0
  | 'gemm' // Gemm input 1
  | 'gemm-left'
  | 'conv' // Conv input 1
  | 'conv-transpose'
  | 'lstm-w'
  | 'lstm-r'
  | 'gru-w'
  | 'gru-r'
  | 'rnn-w'
  | 'rnn-r'
  | 'gather' // Gather input 0, axis 0
  | 'bias'
  | 'other' // any other float use

/** Steps between a constant and the operator that uses it, from the tensor outwards; all constant. */
export interface ConstantStep {
  readonly op: 'Identity' | 'Transpose' | 'Reshape' | 'Cast' | 'Mul' | 'Squeeze' | 'Unsqueeze' | 'Flatten'
  readonly node: Node
  /** Shape after the step; absent when it is not known. */
  readonly shape?: readonly number[]
}

export interface WeightUse {
  readonly scope: ScopePath
  readonly node: Node
  readonly inputIndex: number
  readonly role: WeightRole
  /** Matrix view of the tensor *as this operator sees it through `path`*, mapped back to the stored order; null when no such view exists. */
  readonly view: MatrixView | null
  /** Axis of the stored tensor that is kept (output channel); null when no single axis fits. */
  readonly axis: number | null
  readonly path: readonly ConstantStep[]
  /** Role 'other' only: everything it leads to, through operators that only move elements, is the weight of a product. */
  readonly movedIntoProduct?: boolean
}

/** Where a linear layer stands: at the model's float inputs, or at its outputs. */
export type OuterLayer = 'first' | 'last'

/** One constant of a model, whatever its spelling. */
export interface WeightFacts {
  readonly name: string
  readonly scope: ScopePath
  readonly spelling: 'initializer' | 'constant-node' | 'initializer-input' | 'sparse'
  /** The node itself, when the spelling is 'constant-node': lowerings replace it. */
  readonly constantNode?: Node
  readonly tensor: TensorRef
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly elementCount: number
  readonly byteLength: number
  /** Every use, subgraphs included. Empty: dead. */
  readonly uses: readonly WeightUse[]
  /** True when the tensor is itself a graph output or captured in a way that forbids replacing it. */
  readonly pinned: boolean
  /** Set for linear layers at an end of the model. */
  readonly outer?: OuterLayer
}

/** Constants with equal elements; `transposed` when equal to the first's transpose. */
export interface SharedGroup {
  readonly names: readonly { readonly name: string; readonly scope: ScopePath; readonly transposed: boolean }[]
}

export type ModelFamily = 'transformer' | 'convolutional' | 'recurrent' | 'mlp' | 'other'

export interface Inventory {
  readonly family: ModelFamily
  readonly opset: number
  readonly weights: readonly WeightFacts[]
  /** Every node in file order, the nodes of a body right after the node that holds it, functions last. */
  readonly nodes: readonly Node[]
  readonly shared: readonly SharedGroup[]
  /** Operator counts over all scopes, key 'domain::Op' or 'Op'. */
  readonly operators: ReadonlyMap<string, number>
  readonly parameterCount: number
  readonly warnings: readonly string[]
}
