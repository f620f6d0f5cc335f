/** The kernels that give weights symmetric signed codes, row by row; see `Kernels` for what they have in common. */
export interface WeightKernels {
  /**
   * Codes (i8) of `rows` rows of `length` floats, one scale (f32) each: value = scale * code, code in [-most, most]. The scale is the largest magnitude / most (1
   * where that is 0), and at least that of `least` (f32, one a row; 0: none). With `search` it is the one of least squared error among 17
   * between 0.7 and 1 of that, none of them below `least`; the largest wins ties, and a scale below 2^-125 stays. `sums` gets three f64 a row: the squared error of the codes,
   * the sum of squares, lanes folded as in `observeRuns`, and the scale before the search. Errors of the search are f32, eight lanes, 256 elements at a time.
   * Returns -1, or the first row with a value that is not finite; then nothing is said of it and what follows.
   */
  roundRows(
    src: number,
    rows: number,
    length: number,
    most: number,
    search: 0 | 1,
    least: number,
    scales: number,
    codes: number,
    sums: number,
  ): number
  /**
   * By how much rounding moves the mean of what each of `rows` rows of [inputs, positions] weights gives: sum over inputs of
   * mean[input] * sum over positions of (decoded - weight), one after the other, as f64. Codes are i8 XOR `flip`. `means` (f64) has `inputs` numbers for every
   * `perGroup` rows.
   */
  shiftRows(
    src: number,
    codes: number,
    flip: 0 | 128,
    rows: number,
    inputs: number,
    positions: number,
    scales: number,
    means: number,
    perGroup: number,
    shifts: number,
  ): void
}
