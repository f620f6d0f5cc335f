/** What an attribute of a node may be: a tensor is that of Constant and ConstantOfShape. */
export type AttributeValue = number | string | readonly number[] | Plain

/** One operator call. Names of values are keys of the map that a tape is given; '' is an input that is left out. */
export interface Operation {
  readonly op: string
  /** '' is ai.onnx. */
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, AttributeValue>
}

/** Integers and truth values: shapes, indices, masks. They are computed forward only. */
export interface Plain {
  readonly kind: 'plain'
  readonly shape: readonly number[]
  readonly data: Float64Array
}

/** Floats in the memory of a machine. */
export interface Tensor {
  readonly kind: 'float'
  readonly shape: readonly number[]
  readonly count: number
  /** Index of the first element. */
  readonly at: number
  /** Something that is learned stands behind it. */
  readonly tracked: boolean
  /** The tensor whose elements (and gradient) these are under another shape. */
  readonly source: Tensor | null
  /** Index of its gradient; -1: none yet. */
  grad: number
  /** Of a matrix that stays through many runs: where its transpose is kept, and whether it is up to date. */
  readonly turned?: { readonly at: number; fresh: boolean }
}

export type Value = Plain | Tensor

/** Where a tape computes: memory that grows, and products of matrices. All positions are elements. */
export interface Machine {
  /** Read it again after `take`: growing may replace it. */
  readonly floats: Float32Array | Float64Array
  /** Elements that may be used so far. */
  readonly end: number
  /** Makes `count` elements usable and returns the first one; what is there is undefined. E_LIMIT beyond the memory. */
  take(count: number): number
  /** Frees all that was taken since `end` was `mark`. */
  release(mark: number): void
  /**
   * out[r][n] = (add ? out[r][n] : 0) + sum over d of a[r * aRow + d * aStep] * b[d * bStride + n], in the order of d.
   */
  multiply(
    a: number,
    aRow: number,
    aStep: number,
    b: number,
    bStride: number,
    out: number,
    outStride: number,
    rows: number,
    depth: number,
    columns: number,
    add: boolean,
  ): void
  /** out[c][r] = src[r][c] */
  transpose(src: number, rows: number, columns: number, out: number): void
  /** out = softmax of rows that follow each other. */
  softmax(src: number, rows: number, columns: number, out: number): void
  /** to += shares * (grad - sum over the row of shares * grad) */
  softmaxBack(shares: number, grad: number, rows: number, columns: number, to: number): void
  /** out = a + b, a - b or a * b (kind 0, 1, 2), or is added to; steps are 0 or 1. */
  combine(
    kind: 0 | 1 | 2,
    a: number,
    aStep: number,
    b: number,
    bStep: number,
    count: number,
    out: number,
    add: boolean,
  ): void
}
