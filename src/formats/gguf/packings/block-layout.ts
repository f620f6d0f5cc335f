/** One way in which ggml stores a block of codes with its parameters. Layout only: no rounding, no statistics. */
export interface BlockLayout {
  /** ggml's name: 'Q4_0'. */
  readonly id: string
  /** ggml's number for it, as in the tensor infos of a GGUF file. */
  readonly type: number
  /** Codes of one block. */
  readonly values: number
  /** Bytes of one block. */
  readonly byteLength: number
  /** Codes are 0 .. levels - 1. */
  readonly levels: number
  /** Parameters of one block. */
  readonly parameters: number
  /**
   * Scheme whose codes and parameters these are, group by group. Where a block holds several groups (NVFP4), they follow one
   * another; the parameters of a group stand in the order of its codec.
   */
  readonly scheme: string
  /** Fills `bytes` of one block. Throws E_USAGE where a parameter is none that the block can hold. */
  pack(codes: Uint16Array, parameters: Float32Array, bytes: Uint8Array): void
  /** Fills `codes` and `parameters` of one block. */
  unpack(bytes: Uint8Array, codes: Uint16Array, parameters: Float32Array): void
}
