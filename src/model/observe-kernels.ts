/** The kernels that look at activations; see `Kernels` for what they have in common. */
export interface ObserveKernels {
  /**
   * Range, sum and sum of squares of each of `runs` runs of `length` floats that follow one another. `out` (a multiple of 8) gets
   * OBSERVED_RUN_BYTES for each: min and max as f32 (zeros are +0; infinite without floats), eight bytes on sum and squares as f64. Element i is added to lane i
   * mod 8, squared in f64; the lanes fold as ((0+4)+(2+6))+((1+5)+(3+7)). With a value that is not finite sum is 0, squares Infinity.
   */
  observeRuns(src: number, runs: number, length: number, out: number): void
  /** As `observeRuns` down columns, going on from what is there: rows are added one after the other. Not finite: whatever comes out of it. */
  observeColumns(
    src: number,
    rows: number,
    columns: number,
    min: number,
    max: number,
    sum: number,
    squares: number,
  ): void
  /**
   * Copies 16 floats out of each of `groups` groups of 16 << shift (shift 1 to 20): group g gives its block number
   * (first + g) * 2654435769 mod 2^32 / 2^(32 - shift), which spreads evenly whatever the shape of the values.
   */
  sampleBlocks(src: number, groups: number, shift: number, first: number, dst: number): void
  /**
   * bins[floor(x * perUnit) - first] += 1 (u32); `perUnit` is a power of two. What would lie outside, by less than 2^30 bins, counts at the end next to it.
   * Returns how many are 0. A negative value whose product is too small for f32 counts below 0.
   */
  countBins(src: number, count: number, perUnit: number, first: number, bins: number, binCount: number): number
}

export const OBSERVED_RUN_BYTES = 24
