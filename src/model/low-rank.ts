/**
 * What is added to a weight in codes, as the product of two thin matrices in codes: at (depth k, channel n) it is the sum over components j of
 * scales[j] * (left[k][j] - half) * (right[j][n] - half), with half = 2^(bits-1).
 */
export interface LowRank {
  readonly rank: number
  readonly bits: 4 | 8
  readonly channels: number
  readonly depth: number
  /** [depth][rank], 0 .. 2^bits - 1. */
  readonly left: Uint8Array
  /** [rank][channels], 0 .. 2^bits - 1. */
  readonly right: Uint8Array
  /** [rank] */
  readonly scales: Float32Array
}
