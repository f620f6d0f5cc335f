import type { FitMode } from '../../model/kernels.ts'
import type { Arena } from './arena.ts'
import { encodeColumns, encodeColumnsInto, encodeRow, encoderAt, encodeValue, unitRows } from './encode.ts'
import { ErrorLanes } from './error-lanes.ts'
import { fitColumns, fitRows } from './fit.ts'

/** Appends codes low bits first from `dst` on; the last byte ends in zero bits. */
function packInto(u8: Uint8Array, codes: Uint8Array, bits: number, dst: number): void {
  const perByte = 8 / bits
  for (let i = 0; i < codes.length; i += perByte) {
    let byte = 0
    for (let j = 0; j < perByte && i + j < codes.length; j++) byte |= codes[i + j]! << (j * bits)
    u8[dst + i / perByte] = byte
  }
}

export function packCodes(arena: Arena, codes: number, count: number, bits: number, dst: number): void {
  packInto(arena.u8, arena.u8.slice(codes, codes + count), bits, dst)
}

export function unpackCodes(arena: Arena, src: number, count: number, bits: number, flip: number, codes: number): void {
  const perByte = 8 / bits
  const bytes = arena.u8.slice(src, src + Math.ceil(count / perByte))
  const mask = 2 ** bits - 1
  for (let i = 0; i < count; i++) {
    const byte = bytes[Math.floor(i / perByte)]!
    arena.u8[codes + i] = ((byte >> ((i % perByte) * bits)) & mask) ^ flip
  }
}

export function packRows(
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
  if (blocks === 0) return 0
  const perByte = 8 / bits
  const codes = new Uint8Array(Math.ceil((blocks * block) / perByte) * perByte)
  for (let row = 0; row < rows; row++) {
    const first = row * blocks
    const rowZeros = zeros === 0 ? 0 : zeros + first
    encodeRow(arena, src + row * stride * 4, columns, block, bits, flip, scales + first * 4, rowZeros, codes, 0, errors)
    const last = encoderAt(arena, scales, zeros === 0 ? 0 : zeros + first + blocks - 1, bits, flip)
    codes.fill(last.zero ^ flip, columns)
    packInto(arena.u8, codes, bits, dst + row * dstStride)
  }
  return errors.total
}

export function packColumns(
  arena: Arena,
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
): number {
  const { f32, u8 } = arena
  const errors = new ErrorLanes()
  const unit = unitRows(bits)
  for (let left = 0; left < columns; left += 16) {
    const right = Math.min(columns, left + 16)
    for (let top = 0; top < block; top += unit) {
      const height = Math.min(unit, block - top)
      const codes = new Uint8Array(height)
      for (let column = left; column < right; column++) {
        const zero = zeros === 0 ? 0 : zeros + column * zeroStride
        const encoder = encoderAt(arena, scales + column * scaleStride * 4, zero, bits, flip)
        codes.fill(encoder.zero ^ flip)
        for (let row = top; row < Math.min(rows, top + height); row++) {
          codes[row - top] = encodeValue(f32[src / 4 + row * stride + column]!, encoder, errors, column - left)
        }
        packInto(u8, codes, bits, dst + column * dstStride + (top * bits) / 8)
      }
      errors.flush()
    }
  }
  return errors.total
}

export function packColumnsInPlace(
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
  if (bits === 8)
    return encodeColumns(
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
      dst,
      dstStride,
    )
  const codes = new Uint8Array(rows * columns)
  const error = encodeColumnsInto(
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
    codes,
    0,
    columns,
  )
  if ((columns * bits) % 8 !== 0) packInto(arena.u8, codes, bits, dst)
  else
    for (let row = 0; row < rows; row++)
      packInto(arena.u8, codes.subarray(row * columns, (row + 1) * columns), bits, dst + row * dstStride)
  return error
}

export function nearestPackRows(
  arena: Arena,
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
): number {
  fitRows(arena, src, stride, rows, columns, block, mode, 2 ** bits - 1, halfScales, scales, zeros)
  return packRows(arena, src, stride, rows, columns, block, bits, flip, scales, zeros, dst, dstStride)
}

export function nearestPackColumns(
  arena: Arena,
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
): number {
  fitColumns(arena, src, stride, rows, columns, mode, 2 ** bits - 1, halfScales, scales, scaleStride, zeros, zeroStride)
  return packColumns(
    arena,
    src,
    stride,
    rows,
    columns,
    block,
    bits,
    flip,
    scales,
    scaleStride,
    zeros,
    zeroStride,
    dst,
    dstStride,
  )
}
