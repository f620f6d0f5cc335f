import type { Arena } from './arena.ts'

const { fround } = Math

export function decodeRows(
  arena: Arena,
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
): void {
  const { f32, u8 } = arena
  const blocks = Math.ceil(columns / block)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const index = row * blocks + Math.floor(column / block)
      const zero = zeros === 0 ? 2 ** (bits - 1) : u8[zeros + index]!
      f32[dst / 4 + row * stride + column] = fround(
        f32[scales / 4 + index]! * (u8[codes + row * codeStride + column]! - zero),
      )
    }
  }
}

export function decodeColumns(
  arena: Arena,
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
): void {
  const { f32, u8 } = arena
  for (let column = 0; column < columns; column++) {
    const scale = f32[scales / 4 + column * scaleStride]!
    const zero = zeros === 0 ? 2 ** (bits - 1) : u8[zeros + column * zeroStride]!
    for (let row = 0; row < rows; row++) {
      f32[dst / 4 + row * stride + column] = fround(scale * (u8[codes + row * codeStride + column]! - zero))
    }
  }
}
