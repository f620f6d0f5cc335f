/** The kernels that resize pictures; see `Kernels` for what they have in common. Weights are integers of 22 bits after the point. */
export interface PictureKernels {
  /**
   * Rows of three interleaved channels to `columns` pixels. `taps` has two i32 a pixel: how many bytes from the start of a row its first pixel
   * lies, and how many weights it has; `weights` (i32) has those of all pixels one after the other. Every sum of bytes is rounded and
   * kept in 0 .. 255. One byte behind the last pixel read is read, one behind the last one written is written.
   */
  weighAcross(
    src: number,
    rows: number,
    rowBytes: number,
    taps: number,
    columns: number,
    weights: number,
    dst: number,
  ): void
  /**
   * One row out of `rows` rows, `rowBytes` apart, with a weight (i32) each. Up to 15 bytes behind `length` are read in every row, and written.
   */
  weighDown(src: number, rowBytes: number, rows: number, weights: number, length: number, dst: number): void
}
