/** How `fit*` chooses a grid. `code` runs over 0 .. maxCode, half = (maxCode + 1) / 2. */
// biome-ignore lint: the one value in model/, an enum of constants shared with assembly/
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

/**
 * Hot loops as flat functions on one linear memory. Pointers and strides are bytes for u8 data and **elements** for f32 data
 * (`src`, `scales`), pointers always bytes. The WASM module and the TypeScript twins give the same bits for the same calls.
 * No call takes more than 2^20 elements (wasm has no on-stack replacement).
 */
export interface Kernels {
  readonly id: 'wasm' | 'reference'
  /** The memory all pointers refer to. Read it again after `reserve`: growing detaches old views. */
  readonly memory: ArrayBuffer
  /** Makes [pointer, pointer + byteLength) usable and returns the pointer, 64-byte aligned; one arena, laid out by the caller. */
  reserve(byteLength: number): number

  /** Writes {min, max, absmax} as three f32 at `out`; returns the index of the first non-finite value or -1. */
  census(src: number, count: number, out: number): number
  /** Running per-column minimum and maximum over a tile (f32 arrays of `columns`). Start them at +inf / -inf. */
  foldColumns(src: number, stride: number, rows: number, columns: number, min: number, max: number): void

  /** One grid per block of `block` consecutive elements in each row; scales[r * blocks + b], zeros likewise (u8). */
  fitRows(src: number, stride: number, rows: number, columns: number, block: number, mode: FitMode, maxCode: number, halfScales: 0 | 1, scales: number, zeros: number): void
  /** One grid per column over all `rows` of the tile; scales[c * scaleStride] (elements), zeros[c * zeroStride] (bytes). */
  fitColumns(src: number, stride: number, rows: number, columns: number, mode: FitMode, maxCode: number, halfScales: 0 | 1, scales: number, scaleStride: number, zeros: number, zeroStride: number): void

  /** One byte a code, row-major, `columns` bytes a row at `dst + r * dstStride`; codes XOR `flip`. Returns the squared error (f64). zeros = 0 (null): half. */
  encodeRows(src: number, stride: number, rows: number, columns: number, block: number, bits: number, flip: number, scales: number, zeros: number, dst: number, dstStride: number): number
  encodeColumns(src: number, stride: number, rows: number, columns: number, bits: number, flip: number, scales: number, scaleStride: number, zeros: number, zeroStride: number, dst: number, dstStride: number): number

  /** As encodeRows but packed low code first; rows start at `dst + r * dstStride`; every row is padded with its zero code to whole blocks. */
  packRows(src: number, stride: number, rows: number, columns: number, block: number, bits: number, flip: number, scales: number, zeros: number, dst: number, dstStride: number): number
  /** One block (`rows` <= `block`) of every column, transposed: column c's block * bits / 8 bytes go to `dst + c * dstStride`, padded with its zero code. */
  packColumns(src: number, stride: number, rows: number, columns: number, block: number, bits: number, flip: number, scales: number, scaleStride: number, zeros: number, zeroStride: number, dst: number, dstStride: number): number
  /** The grid of columns, codes packed in source order (consecutive along the row, low first); `columns` * bits must fill bytes or the tile is whole rows of a tensor that does. */
  packColumnsInPlace(src: number, stride: number, rows: number, columns: number, bits: number, flip: number, scales: number, scaleStride: number, zeros: number, zeroStride: number, dst: number, dstStride: number): number

  /** scale * (code - zero), from one-byte codes (already un-flipped). */
  decodeRows(codes: number, codeStride: number, rows: number, columns: number, block: number, bits: number, scales: number, zeros: number, dst: number, stride: number): void
  decodeColumns(codes: number, codeStride: number, rows: number, columns: number, bits: number, scales: number, scaleStride: number, zeros: number, zeroStride: number, dst: number, stride: number): void

  /** Half-to-even. Returns how many finite values became infinite. */
  f32ToF16(src: number, dst: number, count: number): number
  f16ToF32(src: number, dst: number, count: number): void
  f32ToBf16(src: number, dst: number, count: number): number
  bf16ToF32(src: number, dst: number, count: number): void

  /** Sum of (a - b)^2 and of a^2 as two f64 at `out`. */
  squaredError(a: number, b: number, count: number, out: number): void
  /** Adds to `bins` u32 counters of |x| / width; values beyond go to the last bin. */
  histogram(src: number, count: number, width: number, bins: number, binCount: number): void
  /** Largest |w0 + w1| over pairs adjacent along a run of signed codes (code - 128), same sign only: can u8 x s8 pairs saturate int16? */
  worstPairRows(codes: number, stride: number, rows: number, columns: number): number
  worstPairColumns(codes: number, stride: number, rows: number, columns: number): number
}
