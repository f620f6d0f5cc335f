// Memory map of the kernels. The loader puts the callers' arena at 655360 and never below.
// [1024, 65536) constants, [65536, 131072) small scratch areas, [131072, 655360) one large scratch area.

/** Sums of one or two measured grids: error, residual, energy, one v128 each. */
export const MEASURED: usize = 71744
/** State of a search: two times error, scale, zero. */
export const CHOICE: usize = 71840
/** Inverse scales of 64 blocks. */
export const INVERSES: usize = 71936
/** Up to 16 floats of a ragged end, padded with zeros. */
export const TAIL: usize = 65600
/** Ranges of four blocks: min and max, one v128 each. */
export const SLOTS: usize = 65664
/** Grids of 16 columns: scale, inverse, low, high, bias as 16 words each, then 16 zero codes as bytes. */
export const PARAMS: usize = 65792
/** Ranges of 16 columns: 16 minima, 16 maxima. */
export const RANGE: usize = 66304
/** Grids found for four lanes: scales, zeros. */
export const GRID: usize = 66432
/** Values kept out of loops by `pin`. */
export const PINS: usize = 66464
/** 16 x 16 bytes. */
export const SQUARE: usize = 66560
/** 16 bytes of codes of a ragged end. */
export const LAST: usize = 67072
/** 16 lanes of squared errors. */
export const ERRORS: usize = 67136
/** 4096 codes of a row. */
export const CODES: usize = 67584
/** 64 rows of 16 codes. */
export const UNIT: usize = 72192
/** 128 rows of 16 floats: a ragged edge of columns, padded with zeros. */
export const EDGE: usize = 73728
export const EDGE_ROWS: i32 = 128
/** 64 rows of 512 codes. */
export const PANEL: usize = 81920
export const PANEL_COLUMNS: i32 = 512
/** Base-3 digits of 256 bytes, eight bytes each. */
export const DIGITS_OF: usize = 114688
/** 512 KiB: columns or blocks side by side, spare histogram tables. */
export const LARGE: usize = 131072
export const LARGE_BYTES: i32 = 524288

/**
 * Scalars that kernels splat into locals before their loops. They are loads, not literals:
 * V8 from version 13 on rebuilds v128 literals in every iteration.
 */
const TABLE: usize = memory.data<u32>([0x4b400000, 0x7fffffff, 0x7f800000, 0x80000000, 0xc8000fff, 1, 0x3f000000, 0x387fffff, 0x477fefff, 0x7c00, 0x200, 0x7fff, 0x7f7f7fff, 0x7fc0, 0x7c00, 0x77800000, 0x8000, 0x80808080, 0x10101010], 16)

/** 1.5 * 2^23: added to a float below 2^22 it rounds half to even and leaves the integer in the low bits. */
@inline export function magic(): v128 { return v128.load32_splat(TABLE) }
/** Entry of TABLE in every lane. */
@inline export function word(index: usize): v128 { return v128.load32_splat(TABLE + (index << 2)) }

/**
 * The value, read back from slot `index` of PINS. V8 schedules pure SIMD operations, divisions included, inside the loop that uses
 * their result; a load stays where it is.
 */
@inline export function pin(value: v128, index: usize): v128 {
  v128.store(PINS + (index << 4), value)
  return v128.load(PINS + (index << 4))
}

export const MAGIC_BITS: i32 = 0x4b400000

@inline export function least(a: i32, b: i32): i32 { return a < b ? a : b }

export function copyWords(to: usize, from: usize, count: i32): void {
  for (; count > 0; count--, to += 4, from += 4) i32.store(to, i32.load(from))
}

export function copyBytes(to: usize, from: usize, count: i32): void {
  for (; count >= 8; count -= 8, to += 8, from += 8) i64.store(to, i64.load(from))
  for (; count > 0; count--, to++, from++) i32.store8(to, i32.load8_u(from))
}

export function fillBytes(to: usize, byte: i32, count: i32): void {
  for (; count > 0; count--, to++) i32.store8(to, byte)
}

/** Copies `count` < 16 floats to TAIL and pads them with zeros. */
export function padTail(from: usize, count: i32): void {
  const none = i32x4.splat(0)
  v128.store(TAIL, none)
  v128.store(TAIL, none, 16)
  v128.store(TAIL, none, 32)
  v128.store(TAIL, none, 48)
  copyWords(TAIL, from, count)
}

/** Copies rows of `width` < 16 floats to EDGE, padded with zeros to 16. */
export function padEdge(from: usize, step: usize, rows: i32, width: i32): void {
  const none = i32x4.splat(0)
  for (let to = EDGE; rows > 0; rows--, to += 64, from += step) {
    v128.store(to, none)
    v128.store(to, none, 16)
    v128.store(to, none, 32)
    v128.store(to, none, 48)
    copyWords(to, from, width)
  }
}
