import type { Arena } from './arena.ts'
import { ErrorLanes } from './error-lanes.ts'
import { clampTo } from './nearest.ts'
import { inverseOf, roundEven } from './scale.ts'

const { fround } = Math

/** Elements of a row after which error lanes are folded, at the end of a block. */
export const ROW_RUN = 1024

/** Rows of a tile that columns are encoded in at a time: as many as make 16 packed bytes of each column. */
export function unitRows(bits: number): number {
  return 128 / bits
}

/** A grid ready for encoding. */
export interface Encoder {
  scale: number
  inverse: number
  zero: number
  maxCode: number
  flip: number
}

export function encoderAt(arena: Arena, scale: number, zero: number, bits: number, flip: number): Encoder {
  const value = arena.f32[scale / 4]!
  return {
    scale: value,
    inverse: inverseOf(value),
    zero: zero === 0 ? 2 ** (bits - 1) : arena.u8[zero]!,
    maxCode: 2 ** bits - 1,
    flip,
  }
}

/** The stored code of x; its error goes to `errors`. */
export function encodeValue(x: number, encoder: Encoder, errors: ErrorLanes, lane: number): number {
  const { scale, inverse, zero, maxCode, flip } = encoder
  const q = roundEven(clampTo(fround(x * inverse), -zero, maxCode - zero))
  errors.add(lane, fround(x - fround(scale * q)))
  return (q + zero) ^ flip
}

/** `count` consecutive values of one row from `src`, blocks starting at the first; codes go to target[at] on. */
export function encodeRow(
  arena: Arena,
  src: number,
  count: number,
  block: number,
  bits: number,
  flip: number,
  scales: number,
  zeros: number,
  target: Uint8Array,
  at: number,
  errors: ErrorLanes,
): void {
  const { f32 } = arena
  let since = 0
  for (let start = 0, index = 0; start < count; start += block, index++) {
    const end = Math.min(count, start + block)
    const encoder = encoderAt(arena, scales + index * 4, zeros === 0 ? 0 : zeros + index, bits, flip)
    for (let top = start; top < end; top += ROW_RUN) {
      const bottom = Math.min(end, top + ROW_RUN)
      for (let i = top; i < bottom; i++)
        target[at + i] = encodeValue(f32[src / 4 + i]!, encoder, errors, (i - start) % 16)
      since += bottom - top
      if (since >= ROW_RUN || block > ROW_RUN) {
        errors.flush()
        since = 0
      }
    }
  }
  if (since > 0) errors.flush()
}

export function encodeRows(
  arena: Arena,
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
): number {
  const errors = new ErrorLanes()
  const blocks = Math.ceil(columns / block)
  for (let row = 0; row < rows; row++) {
    const rowZeros = zeros === 0 ? 0 : zeros + row * blocks
    encodeRow(
      arena,
      src + row * stride * 4,
      columns,
      block,
      bits,
      flip,
      scales + row * blocks * 4,
      rowZeros,
      arena.u8,
      dst + row * dstStride,
      errors,
    )
  }
  return errors.total
}

export function encodeColumns(
  arena: Arena,
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
): number {
  return encodeColumnsInto(
    arena,
    src,
    stride,
    rows,
    columns,
    bits,
    flip,
    scales,
    scaleStride,
    zeros,
    zeroStride,
    arena.u8,
    dst,
    dstStride,
  )
}

/** Codes of (row, column) go to target[at + row * targetStride + column]. */
export function encodeColumnsInto(
  arena: Arena,
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
  target: Uint8Array,
  at: number,
  targetStride: number,
): number {
  const { f32 } = arena
  const errors = new ErrorLanes()
  const unit = unitRows(bits)
  for (let top = 0; top < rows; top += unit) {
    for (let left = 0; left < columns; left += 16) {
      for (let column = left; column < Math.min(columns, left + 16); column++) {
        const zero = zeros === 0 ? 0 : zeros + column * zeroStride
        const encoder = encoderAt(arena, scales + column * scaleStride * 4, zero, bits, flip)
        for (let row = top; row < Math.min(rows, top + unit); row++) {
          target[at + row * targetStride + column] = encodeValue(
            f32[src / 4 + row * stride + column]!,
            encoder,
            errors,
            column - left,
          )
        }
      }
      errors.flush()
    }
  }
  return errors.total
}

/** Columns of a row that are encoded before the next row of the same 16 is. */
const TRANSPOSE_RUN = 256

export function encodeRowsTransposed(
  arena: Arena,
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
): number {
  const { f32, u8 } = arena
  const errors = new ErrorLanes()
  for (let top = 0; top < rows; top += 16) {
    for (let left = 0; left < columns; left += TRANSPOSE_RUN) {
      for (let row = top; row < Math.min(rows, top + 16); row++) {
        const encoder = encoderAt(arena, scales + row * 4, zeros === 0 ? 0 : zeros + row, bits, flip)
        for (let column = left; column < Math.min(columns, left + TRANSPOSE_RUN); column++) {
          const x = f32[src / 4 + row * stride + column]!
          u8[dst + column * dstStride + row] = encodeValue(x, encoder, errors, (column - left) % 16)
        }
        errors.flush()
      }
    }
  }
  return errors.total
}
