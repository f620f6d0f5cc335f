import type { GramKernels } from './gram-kernels.ts'
import type { LearningKernels } from './learning-kernels.ts'
import type { ObserveKernels } from './observe-kernels.ts'
import type { PairKernels } from './pair-kernels.ts'
import type { PictureKernels } from './picture-kernels.ts'
import type { WeightKernels } from './weight-kernels.ts'

/** How `fit*` chooses a grid. `code` runs over 0 .. maxCode, half = (maxCode + 1) / 2. */
export const FitMode = {
  /** scale = absmax / (half - 1), zero = half. */
  Symmetric: 0,
  /** scale = extreme / -half where extreme is the value of largest magnitude, zero = half; the scale may be negative. */
  SignedExtreme: 1,
  /** scale = (max' - min') / maxCode with 0 inside [min', max'], integer zero. */
  Asymmetric: 2,
  /** Signed scale, zero = half: grid of candidate scales, then least-squares refit; least squared error wins. */
  SearchSymmetric: 3,
  /** As Asymmetric, with a grid over both ends and least-squares refit. */
  SearchAsymmetric: 4,
} as const
export type FitMode = (typeof FitMode)[keyof typeof FitMode]

/** How the dense-row kernels find the scale of a block. `up`, `down`: magnitudes of the last levels above and below 0 (0: none). */
export const ScaleRule = {
  /** Scales are read, not written. */
  Given: 0,
  /** Least scale at which no level is passed: max(max / up, -min / down). Absolute maximum where up = down. */
  Reach: 1,
  /** The value of largest magnitude, with its sign, takes the level of largest magnitude; as Reach where up = down. */
  Signed: 2,
  /** Mean magnitude: the least-squares scale of binary codes. */
  Mean: 3,
  /** Mean of the magnitudes beyond 0.7 times the mean magnitude: the threshold rule of ternary codes. */
  MeanBeyond: 4,
} as const
export type ScaleRule = (typeof ScaleRule)[keyof typeof ScaleRule]

/** Floats that `packFloatRows` writes, one byte a code. */
export const SmallFloatFormat = {
  e4m3fn: 0,
  e4m3fnuz: 1,
  e4m3b11fnuz: 2,
  e2m3: 3,
  e5m2: 4,
  e5m2fnuz: 5,
  e3m2: 6,
} as const
export type SmallFloatFormat = (typeof SmallFloatFormat)[keyof typeof SmallFloatFormat]

/** Up to 16 levels and where one ends and the next begins; what `prepareTable` of src/schemes/fitting makes has this shape. */
export interface LevelSearch {
  /** Ascending and different. */
  readonly levels: ArrayLike<number>
  /** Code of each level, below 16; absent: its index. */
  readonly codes?: ArrayLike<number>
  /** A value above thresholds[i] takes a level after i. Entries beyond levels - 1 are not read. */
  readonly thresholds: ArrayLike<number>
}

/** Bytes of a table that `prepareLevels` fills. */
export const LEVEL_TABLE_BYTES = 256

/**
 * Hot loops as flat functions on one linear memory. Pointers and strides are bytes for u8 data and **elements** for f32 data
 * (`src`, `scales`), pointers always bytes. The WASM module and the TypeScript twins give the same bits for the same calls.
 * No call takes more than 2^20 elements (wasm has no on-stack replacement).
 * f32 and f64 pointers are multiples of their element size. Arguments are trusted: pointers and counts must lie inside the arena.
 * A grid is `value = scale * (code - zero)`; encoding is code = clamp(roundEven(fround(x * inverse)), -zero, maxCode - zero) + zero
 * with inverse = fround(1 / scale), 0 for scale 0. A block of zeros gets scale 0 and zero = half, so its codes decode to 0.
 * A scale below the smallest normal f32 becomes 0; a scale beyond f16 becomes 65504 when `halfScales` is 1.
 * Weights must be finite (see `census`): a NaN takes code 0 and makes the returned error NaN.
 * Returned errors are sums of (x - decoded)^2 in f64 over partial sums of f32 lanes, always in one order.
 */
export interface Kernels
  extends ObserveKernels,
    GramKernels,
    LearningKernels,
    PairKernels,
    PictureKernels,
    WeightKernels {
  readonly id: 'wasm' | 'reference'
  /** The memory all pointers refer to. Read it again after `reserve`: growing detaches old views. */
  readonly memory: ArrayBuffer
  /**
   * Makes [pointer, pointer + byteLength) usable and returns the pointer, 64-byte aligned; one arena, laid out by the caller.
   * Every call returns the same pointer. Contents survive growth. Throws E_LIMIT beyond 2 GiB.
   */
  reserve(byteLength: number): number

  /**
   * Writes {min, max, absmax} as three f32 at `out` (NaN left out; +inf, -inf, 0 when there is no number; zeros are +0);
   * returns the index of the first non-finite value or -1.
   */
  census(src: number, count: number, out: number): number
  /** Running per-column minimum and maximum over a tile (f32 arrays of `columns`). Start them at +inf / -inf. */
  foldColumns(src: number, stride: number, rows: number, columns: number, min: number, max: number): void

  /** One grid per block of `block` consecutive elements in each row; scales[r * blocks + b], zeros likewise (u8; 0: not wanted). */
  fitRows(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    block: number,
    mode: FitMode,
    maxCode: number,
    halfScales: 0 | 1,
    scales: number,
    zeros: number,
  ): void
  /**
   * One grid per column over all `rows` of the tile; scales[c * scaleStride] (elements), zeros[c * zeroStride] (bytes).
   * The search modes take at most 8192 rows (E_INTERNAL beyond): longer columns go through `proposeGrids` and `gridColumns`.
   */
  fitColumns(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    mode: FitMode,
    maxCode: number,
    halfScales: 0 | 1,
    scales: number,
    scaleStride: number,
    zeros: number,
    zeroStride: number,
  ): void

  /**
   * Candidate grids from ranges (f32 arrays of `count`, as `foldColumns` leaves them): scales[g * count + i] f32, zeros[g * count + i] u8.
   * Returns how many grids there are, at most 32: 1 for the closed-form modes, for which this *is* the fit.
   */
  proposeGrids(
    min: number,
    max: number,
    count: number,
    mode: FitMode,
    maxCode: number,
    halfScales: 0 | 1,
    scales: number,
    zeros: number,
  ): number
  /**
   * Adds, per candidate g and column c, the sums of r^2, r*q and q^2 (r = x - scale*q, q = code - zero) over the tile to f64 arrays
   * [gridCount][columns], so that columns longer than a tile can be searched in a stream. zeros = 0 (null): half.
   */
  gridColumns(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    scales: number,
    zeros: number,
    gridCount: number,
    maxCode: number,
    errors: number,
    residuals: number,
    energies: number,
  ): void
  /**
   * Picks per column the candidate of least error, with refit = 1 the least-squares scale scale + residual/energy of the candidate that
   * would be best after it; writes scales[c * scaleStride] and zeros[c * zeroStride] (0: not wanted). A refit scale is an estimate:
   * run it through `gridColumns` as one more candidate and choose again to be certain that it is no worse.
   */
  chooseGrids(
    candidateScales: number,
    candidateZeros: number,
    gridCount: number,
    columns: number,
    errors: number,
    residuals: number,
    energies: number,
    refit: 0 | 1,
    halfScales: 0 | 1,
    scales: number,
    scaleStride: number,
    zeros: number,
    zeroStride: number,
  ): void

  /** One byte a code, row-major, `columns` bytes a row at `dst + r * dstStride`; codes XOR `flip`. Returns the squared error (f64). zeros = 0 (null): half. */
  encodeRows(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    block: number,
    bits: number,
    flip: number,
    scales: number,
    zeros: number,
    dst: number,
    dstStride: number,
  ): number
  encodeColumns(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    bits: number,
    flip: number,
    scales: number,
    scaleStride: number,
    zeros: number,
    zeroStride: number,
    dst: number,
    dstStride: number,
  ): number
  /** One grid per row (scales[r], zeros[r]); the code of (r, c) goes to `dst + c * dstStride + r`: [N,K] in, [K,N] out. */
  encodeRowsTransposed(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    bits: number,
    flip: number,
    scales: number,
    zeros: number,
    dst: number,
    dstStride: number,
  ): number

  /**
   * As encodeRows but packed low code first; rows start at `dst + r * dstStride`; every row is padded with its last block's zero code to
   * whole blocks, and to a whole byte. block * bits must be a multiple of 8 where a row has several blocks.
   */
  packRows(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    block: number,
    bits: number,
    flip: number,
    scales: number,
    zeros: number,
    dst: number,
    dstStride: number,
  ): number
  /** One block (`rows` <= `block`) of every column, transposed: column c's block * bits / 8 bytes go to `dst + c * dstStride`, padded with its zero code. */
  packColumns(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    block: number,
    bits: number,
    flip: number,
    scales: number,
    scaleStride: number,
    zeros: number,
    zeroStride: number,
    dst: number,
    dstStride: number,
  ): number
  /**
   * The grid of columns, codes packed in source order (consecutive along the row, low first). Where `columns` * bits fills bytes rows
   * start at `dst + r * dstStride`; otherwise the rows follow each other bit by bit, `dstStride` is unused and the last byte ends in zero bits
   * (the tile must then be whole rows that start on a byte).
   */
  packColumnsInPlace(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    bits: number,
    flip: number,
    scales: number,
    scaleStride: number,
    zeros: number,
    zeroStride: number,
    dst: number,
    dstStride: number,
  ): number

  /** fitRows (closed-form modes) then packRows, cache block by cache block: the same bytes, grids and error in one pass over memory. */
  nearestPackRows(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    block: number,
    mode: FitMode,
    bits: number,
    flip: number,
    halfScales: 0 | 1,
    scales: number,
    zeros: number,
    dst: number,
    dstStride: number,
  ): number
  /** fitColumns (closed-form modes) then packColumns, a few columns at a time: the same bytes, grids and error in one pass over memory. */
  nearestPackColumns(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    block: number,
    mode: FitMode,
    bits: number,
    flip: number,
    halfScales: 0 | 1,
    scales: number,
    scaleStride: number,
    zeros: number,
    zeroStride: number,
    dst: number,
    dstStride: number,
  ): number

  /**
   * nearestPackColumns for 4 bits, a symmetric mode, one block of rows, and no error sum: multiples of 32 rows, at most 8192, and of
   * 16 columns. In the search mode the scales are given. 1; 0 when a value is NaN or infinite, and then what was written says nothing.
   */
  packNibbleColumns(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    mode: FitMode,
    flip: number,
    halfScales: 0 | 1,
    scales: number,
    scaleStride: number,
    dst: number,
    dstStride: number,
  ): number
  /** Item i of each of `runs` runs of `count` items (4 bytes or a multiple of 16 each) goes to dst + i * dstStride, side by side. */
  interleave(src: number, count: number, runs: number, size: number, dst: number, dstStride: number): void
  /**
   * encodeColumns for 8 bits, scales side by side and zeros of 128, without clipping or error sum; multiples of 16 columns, at
   * most 131072. 1; 0 when a value is not finite or its code not one of 256, and then what was written says nothing.
   */
  encodePlainColumns(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    flip: number,
    scales: number,
    dst: number,
    dstStride: number,
  ): number

  /** `count` one-byte codes to `bits` each, low first; the last byte ends in zero bits. Codes must fit their bits. */
  packCodes(codes: number, count: number, bits: number, dst: number): void
  /** The inverse, each code XOR `flip`. */
  unpackCodes(src: number, count: number, bits: number, flip: number, codes: number): void

  /** scale * (code - zero), from one-byte codes (already un-flipped). */
  decodeRows(
    codes: number,
    codeStride: number,
    rows: number,
    columns: number,
    block: number,
    bits: number,
    scales: number,
    zeros: number,
    dst: number,
    stride: number,
  ): void
  decodeColumns(
    codes: number,
    codeStride: number,
    rows: number,
    columns: number,
    bits: number,
    scales: number,
    scaleStride: number,
    zeros: number,
    zeroStride: number,
    dst: number,
    stride: number,
  ): void

  /** Half-to-even; NaN becomes the quiet NaN of its sign. Returns how many finite values became infinite. */
  f32ToF16(src: number, dst: number, count: number): number
  f16ToF32(src: number, dst: number, count: number): void
  f32ToBf16(src: number, dst: number, count: number): number
  bf16ToF32(src: number, dst: number, count: number): void

  /** Sum of (a - b)^2 and of a^2 as two f64 at `out`. */
  squaredError(a: number, b: number, count: number, out: number): void
  /** Adds to `bins` u32 counters of trunc(|x| / width); values beyond (and infinity) go to the last bin, NaN to the first. */
  histogram(src: number, count: number, width: number, bins: number, binCount: number): void

  /**
   * Rows of an array, in blocks, straight to packed codes: scales by `rule` (given ones: 0 or normal numbers), then the level nearest fround(x * fround(1 / scale)).
   * Reads `stride` elements, writes `dstStride` bytes a row on; scales[r * blocks + b]. `perByte` codes share a byte, low bits first:
   * 1, 2, 4 or 8, or 5 base-3 digits (the first times 1). A row takes ceil(columns / perByte) bytes, the last filled with zeros; rows are
   * not padded to whole blocks. An array whose last dimension its blocks divide can be passed as one row; otherwise, where rows must
   * follow each other within a byte, write one code a byte and pack with `packCodes`.
   *
   * These are the closed forms of the codecs behind `quantizeArray`, bit for bit (test/line/array-kernels.test.ts has the arguments of each):
   * integers of kind sym are Reach with up = down = last code - zero, of kind signed Signed with down = zero (even level counts only);
   * level tables Reach or Signed with the magnitudes of their last levels; binary Mean; ternary MeanBeyond; other efforts: scales from the
   * codec, then Given. Left to the codec: values that are not finite or beyond 2^120 (`census` tells), importance, rounding other than half
   * to even, scale types other than f32 and f16. Scales are written as f32; f16 ones are such that `f32ToF16` stores them exactly.
   * Groups: row = one row each; channel = rows too (axis 0), block = one long row where it divides the last dimension, else rows;
   * tensor = one block (fitScaleRows over tiles and the largest, then Given). Calls of 2^16 to 2^18 values keep to the caches.
   *
   * code = clamp(roundEven(t), -zero, maxCode - zero) + zero; at most 256 codes.
   */
  packIntegerRows(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    block: number,
    rule: ScaleRule,
    up: number,
    down: number,
    halfScales: 0 | 1,
    zero: number,
    maxCode: number,
    perByte: number,
    scales: number,
    dst: number,
    dstStride: number,
  ): void
  /** Writes LEVEL_TABLE_BYTES at `table` (a multiple of 4). E_INTERNAL unless there are 2 to 16 levels. */
  prepareLevels(search: LevelSearch, table: number): void
  /** As `packIntegerRows`, for the levels of a prepared table: NF4, IQ4_NL, e2m1, ternary, binary, fitted codebooks. NaN takes the lowest level. */
  packLevelRows(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    block: number,
    rule: ScaleRule,
    up: number,
    down: number,
    halfScales: 0 | 1,
    table: number,
    perByte: number,
    scales: number,
    dst: number,
    dstStride: number,
  ): void
  /**
   * As `packIntegerRows`, one byte a code: half to even, saturating, NaN as the largest number of either sign. `signedZero` 0: what rounds to
   * zero loses its sign, as in the formats without a negative zero.
   */
  packFloatRows(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    block: number,
    rule: ScaleRule,
    up: number,
    down: number,
    halfScales: 0 | 1,
    format: SmallFloatFormat,
    signedZero: 0 | 1,
    scales: number,
    dst: number,
    dstStride: number,
  ): void
  /** The scales alone. */
  fitScaleRows(
    src: number,
    stride: number,
    rows: number,
    columns: number,
    block: number,
    rule: ScaleRule,
    up: number,
    down: number,
    halfScales: 0 | 1,
    scales: number,
  ): void
  /** scale * level of codes packed as `packLevelRows` does. Codes without a level (bytes beyond 242 of base-3 digits too) give 0. */
  unpackLevelRows(
    src: number,
    srcStride: number,
    rows: number,
    columns: number,
    block: number,
    perByte: number,
    table: number,
    scales: number,
    dst: number,
    stride: number,
  ): void
  /** scale * levels[code], from one-byte codes and 256 levels (f32 at `levels`). */
  decodeByteRows(
    codes: number,
    codeStride: number,
    rows: number,
    columns: number,
    block: number,
    levels: number,
    scales: number,
    dst: number,
    stride: number,
  ): void
}
