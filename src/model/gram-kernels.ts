/** The kernels of second moments; see `Kernels` for what they have in common. */
export interface GramKernels {
  /**
   * out[i][j] += sum over rows of a[row][i] * b[row][j], each sum in the order of the rows, in f32: second moments of rows (a = b), and
   * products with a transposed matrix. `aColumns` is a multiple of 4, `bColumns` of 8. Strides that are odd multiples of 8
   * spread the rows over the caches; some 64 rows a call keep to the nearest one.
   */
  crossRows(
    a: number,
    aStride: number,
    b: number,
    bStride: number,
    rows: number,
    aColumns: number,
    bColumns: number,
    out: number,
    outStride: number,
  ): void
  /**
   * One sweep of coordinate descent over the signed codes of one row: code j moves by pull[j] / (gram[j][j] * scale), rounded, where
   * that is more than half a step, inside [-most, most]; `pull` (gram times what is still wrong) follows. `width` is a multiple of
   * 8; padding has zeros in `gram`. `beside` (0: none): for every j the indices, i32, of the codes before and after it in a
   * sum of pairs (-1: none); sums of two codes of one sign stay within `pairLimit`. Returns how many codes moved.
   */
  descendRow(
    gram: number,
    stride: number,
    width: number,
    pull: number,
    codes: number,
    scale: number,
    most: number,
    beside: number,
    pairLimit: number,
  ): number
  /**
   * One sweep of coordinate descent over the codes [from, to) of one row, 0 .. maxCode, with one scale for every `block` of them: as
   * `descendRow`, without pairs. `width` is a multiple of 8; padding has zeros in `gram`. Returns how many codes moved.
   */
  descendBlocks(
    gram: number,
    stride: number,
    width: number,
    from: number,
    to: number,
    pull: number,
    codes: number,
    scales: number,
    block: number,
    maxCode: number,
  ): number
  /**
   * As `descendBlocks` for codes that stand for levels of a table (f32, ascending, `last` + 1 of them): a position moves to the level
   * nearest to where the pull wants it. The first column is `offset` elements behind the beginning of its block.
   */
  descendLevels(
    gram: number,
    stride: number,
    width: number,
    from: number,
    to: number,
    pull: number,
    positions: number,
    scales: number,
    block: number,
    offset: number,
    levels: number,
    last: number,
  ): number
  /**
   * out[i][j] -= sum over k of a[i][k] * b[j][k] in f64, the even and the odd terms apart, in order: the long sums of a Cholesky
   * factor. Strides and counts are elements; `count` and `aRows` are multiples of 2, `bRows` of 4.
   */
  subtractDots(
    a: number,
    aStride: number,
    b: number,
    bStride: number,
    count: number,
    aRows: number,
    bRows: number,
    out: number,
    outStride: number,
  ): void
}
