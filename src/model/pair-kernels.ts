/** The kernels that find pairs of weights whose products could saturate; see `Kernels` for what they have in common. */
export interface PairKernels {
  /**
   * Running largest |a + b| of each column over values that follow each other and have one sign (zero is not negative; NaN is
   * left out). `last` holds the row in front of the tile, afterwards its last one. Start them at NaN and 0.
   */
  foldPairs(src: number, stride: number, rows: number, columns: number, last: number, most: number): void
  /**
   * Largest |w0 + w1| over all pairs adjacent along a row of signed codes (w = code - 128), same sign only (0 counts as positive);
   * 0 without pairs. Above 128, u8 x s8 pairs can saturate int16.
   */
  worstPairRows(codes: number, stride: number, rows: number, columns: number): number
  worstPairColumns(codes: number, stride: number, rows: number, columns: number): number
}
