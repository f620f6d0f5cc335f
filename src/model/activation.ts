import type { Node, TensorRef } from './graph.ts'

export type ActivationType = 'u8' | 'i8' | 'u16' | 'i16'

/** What the codes of an activation mean: `value = scale * (code - zero)`; `scale` is a float32, `zero` a code of `type`. */
export interface ActivationGrid {
  readonly scale: number
  readonly zero: number
  readonly type: ActivationType
}

/** Where an operator keeps a value, whatever is fed; infinite where nothing is known. */
export interface ValueBounds {
  readonly min: number
  readonly max: number
}

/** Why a value has a QuantizeLinear and a DequantizeLinear. */
export type PointCode =
  | 'operand' // a product reads it as codes
  | 'result' // an integer convolution can only write codes
  | 'between' // computed from codes, read as codes
  | 'moved' // the same elements in another order or shape

/** One value of the main graph that is rounded to a grid. */
export interface ActivationPoint {
  readonly value: string
  /** Points of one group share a grid. Named after its first value. */
  readonly group: string
  readonly grid?: ActivationGrid
  /**
   * 'wide': 16 bits in two codes of 8, for products of form 'wide' alone; its grid comes from `wideGridOf`. A value may have a point
   * of this kind beside one of 8 bits, under a group of its own.
   */
  readonly precision?: 'wide'
  /** Of the whole group. The grid has to lie inside, or an activation function in front of a pair is not absorbed by it. */
  readonly bounds: ValueBounds
  /** 'all': every reader gets the rounded value. 'products': only products do, others read the float. */
  readonly readers: 'all' | 'products'
  readonly because: { readonly code: PointCode; readonly text: string }
}

/**
 * How a product runs. 'qdq': pairs around it, which the runtime fuses into one integer operator. 'conv-integer': codes in, float
 * out (ConvInteger), where nothing behind it reads codes. 'loose': the same for matrices (MatMulInteger). 'wide': activations of 16
 * bits by two integer products, one for each half of a code; float out. 'dynamic': ranges at run time; float out. 'dynamic-wide':
 * both. 'stored': the weight is stored in 8 bits and computed in float.
 */
export type ProductForm = 'qdq' | 'conv-integer' | 'loose' | 'wide' | 'dynamic' | 'dynamic-wide' | 'stored'

export interface StaticProduct {
  readonly node: Node
  readonly label: string
  readonly op: 'Conv' | 'Gemm' | 'MatMul' | 'ConvTranspose'
  readonly form: ProductForm
  /** Values read as codes, by 8-bit points unless the form is 'wide' (wide points) or a dynamic one (no points); empty when 'stored'. */
  readonly operands: readonly string[]
  /** Null for the product of two activations. */
  readonly weight: { readonly name: string; readonly axis: number | null; readonly shape: readonly number[] } | null
  /** A constant added to every channel; null when there is none. */
  readonly bias: string | null
  /** The Add behind a MatMul that brings the bias, and the rank of its result. */
  readonly biasNode: { readonly node: Node; readonly rank: number } | null
  /** Every group has one input channel: kernels for these add exactly on every CPU. */
  readonly depthwise: boolean
  /** Per run; null where shapes are not known. */
  readonly multiplyAdds: number | null
  /** Why it reads more precise codes than it would. */
  readonly because?: string
}

/** Why a node stays float; closed. */
export type FloatCode =
  | 'head' // nothing behind it is computed in integers: boxes, scores, probabilities
  | 'front-end' // a spectrum: squares, roots and logarithms follow
  | 'expectation' // a mean over probabilities
  | 'norm' // normalisation and its statistics
  | 'recurrent' // LSTM, GRU, RNN
  | 'transposed' // no integer kernel for ConvTranspose
  | 'no-kernel' // no integer kernel for the operator
  | 'mixed' // one of its inputs is float
  | 'attention' // scores before and in a softmax
  | 'not-constant' // weight or bias is computed
  | 'attributes' // alpha, beta, a bias shape that no integer kernel takes
  | 'not-float32'
  | 'body' // inside If, Loop, Scan or a function
  | 'measured' // integers cost too much of the result, or somebody asked
export interface FloatNode {
  readonly node: Node
  readonly label: string
  readonly code: FloatCode
  readonly text: string
}

/** Where a model is rounded and where not. */
export interface Placement {
  /** In the order of the values that they round. */
  readonly points: readonly ActivationPoint[]
  readonly products: readonly StaticProduct[]
  /** Nodes between products that take and give codes. */
  readonly integerNodes: readonly Node[]
  readonly float: readonly FloatNode[]
  /** LSTMs that run on codes with ranges of run time, once their weights are codes: on a target that can, where nothing stands against it. */
  readonly recurrent: readonly Node[]
  readonly floatCounts: ReadonlyMap<FloatCode, number>
  /**
   * Of Conv, Gemm and MatMul, per run; null where shapes are not known. `doubled`: what wide products add to that, which run once for
   * each half of a code; in neither of the others.
   */
  readonly multiplyAdds: { readonly integer: number; readonly total: number; readonly doubled: number } | null
}

/** A weight in 8-bit codes as files hold them: i8 around 0 or u8 around 128. `scales`: one, or one an index of `axis`. */
export interface StaticWeight {
  readonly codes: TensorRef
  readonly scales: Float32Array
  readonly axis: number | null
}
