/** Which elements share one scale (and zero). */
export type Granularity =
  | { readonly kind: 'tensor' }
  /** One per index of the kept axis (output channel, embedding row, gate row). */
  | { readonly kind: 'channel' }
  /** One per `size` consecutive elements along the reduction axis; the last block may be shorter. */
  | { readonly kind: 'block'; readonly size: number }
  /**
   * One per `size` consecutive elements of the whole matrix, channel after channel, going on from one to the next: what MatMulBnb4 has
   * where blocks do not divide K. Only for level tables.
   */
  | { readonly kind: 'run'; readonly size: number }

export type IntegerBits = 2 | 4 | 8

/**
 * What codes mean. Integer schemes decode as `value = scale * (code - zero)` with codes 0 .. 2^bits - 1;
 * symmetric schemes have the fixed zero 2^(bits-1). Signed storage is the same code with its top bit flipped.
 */
export type SchemeSpec =
  | {
      readonly family: 'integer'
      readonly bits: IntegerBits
      readonly granularity: Granularity
      readonly symmetric: boolean
      /** Scales are rounded to this type before any code is chosen. */
      readonly scale: 'f32' | 'f16'
      /** Only the codes around the zero are used: -1, 0, 1 or -1, 1. Symmetric, 2 bits. */
      readonly only?: 'ternary' | 'binary'
    }
  /** Codes stand for levels of a table under a scale, `value = scale * level(code)`; tables are in src/numbers/level-tables. */
  | {
      readonly family: 'levels'
      readonly table: string
      /** Of a code: 2 to 256 levels. */
      readonly bits: number
      readonly granularity: Granularity
      readonly symmetric: true
      readonly scale: 'f32' | 'f16'
    }
  | { readonly family: 'half'; readonly dtype: 'f16' | 'bf16' }

/**
 * A weight seen as rows of things that belong together.
 * `along` = 'row': each of `channels` rows holds `depth` consecutive elements (Gemm transB, Conv, Gather tables).
 * `along` = 'column': the file holds `depth` rows of `channels` elements (MatMul [K,N]); a channel is a column.
 * `stack` such matrices follow each other (batched MatMul, directions of an LSTM).
 */
export interface MatrixView {
  readonly stack: number
  readonly channels: number
  readonly depth: number
  readonly along: 'row' | 'column'
}

/** One tensor in codes; one byte a code whatever its width. Order of codes is the order of the source elements. */
export interface QuantizedTensor<Spec = Exclude<SchemeSpec, { family: 'half' }>> {
  readonly spec: Spec
  readonly view: MatrixView
  readonly codes: Uint8Array
  /** [stack][channels][blocks], channel-major whatever the view. One entry for granularity 'tensor'. */
  readonly scales: Float32Array
  /** As scales; absent when symmetric. */
  readonly zeros?: Uint8Array
}

export type SolverId = 'nearest' | 'search'

/** What finds codes before the file is written: by running the model on data, or of the weights alone (`hqq`). */
export type FittingId = 'gptq' | 'learned' | 'hqq'
