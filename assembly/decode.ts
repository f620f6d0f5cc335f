// scale * (code - zero). Twin: src/kernels/reference/decode.ts.
import { PARAMS, UNIT, LAST, copyBytes, copyWords, least, pin } from './memory'
import { loadGrids } from './encode'

/** 16 codes to 64 bytes of floats. */
@inline function decode16(from: usize, to: usize, zero: v128, s0: v128, s1: v128, s2: v128, s3: v128): void {
  const codes = v128.load(from)
  const low = i16x8.sub(i16x8.extend_low_i8x16_u(codes), i16x8.extend_low_i8x16_u(zero))
  const high = i16x8.sub(i16x8.extend_high_i8x16_u(codes), i16x8.extend_high_i8x16_u(zero))
  v128.store(to, f32x4.mul(s0, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low))))
  v128.store(to, f32x4.mul(s1, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low))), 16)
  v128.store(to, f32x4.mul(s2, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high))), 32)
  v128.store(to, f32x4.mul(s3, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high))), 48)
}

export function decodeRows(codes: usize, codeStride: usize, rows: i32, columns: i32, block: i32, bits: i32, scales: usize, zeros: usize, dst: usize, stride: usize): void {
  let zero = 1 << (bits - 1)
  for (; rows > 0; rows--, codes += codeStride, dst += stride << 2) {
    let from = codes
    let to = dst
    for (let left = columns; left > 0; left -= block, scales += 4) {
      if (zeros) zero = i32.load8_u(zeros++)
      const scale = v128.load32_splat(scales)
      const zeroBytes = pin(i8x16.splat(<i8>zero), 0)
      let run = least(block, left)
      for (; run >= 16; run -= 16, from += 16, to += 64) decode16(from, to, zeroBytes, scale, scale, scale, scale)
      for (; run > 0; run--, from++, to += 4) f32.store(to, f32.load(scales) * <f32>(<i32>i32.load8_u(from) - zero))
    }
  }
}

/** Rows visited before the next 16 columns are. */
const DECODE_ROWS: i32 = 32

export function decodeColumns(codes: usize, codeStride: usize, rows: i32, columns: i32, bits: i32, scales: usize, scaleStride: usize, zeros: usize, zeroStride: usize, dst: usize, stride: usize): void {
  const scaleStep = scaleStride << 2
  const step = stride << 2
  for (; rows > 0; rows -= DECODE_ROWS, codes += codeStride * <usize>DECODE_ROWS, dst += step * <usize>DECODE_ROWS) {
    const count = least(DECODE_ROWS, rows)
    for (let column = 0; column < columns; column += 16) {
      const width = least(16, columns - column)
      const at = <usize>column
      loadGrids(width, bits, scales + at * scaleStep, scaleStep, zeros ? zeros + at * zeroStride : 0, zeroStride)
      const s0 = v128.load(PARAMS)
      const s1 = v128.load(PARAMS, 16)
      const s2 = v128.load(PARAMS, 32)
      const s3 = v128.load(PARAMS, 48)
      const zero = v128.load(PARAMS, 320)
      let from = codes + at
      let to = dst + (at << 2)
      for (let row = 0; row < count; row++, from += codeStride, to += step) {
        if (width == 16) decode16(from, to, zero, s0, s1, s2, s3)
        else {
          copyBytes(LAST, from, width)
          decode16(LAST, UNIT, zero, s0, s1, s2, s3)
          copyWords(to, UNIT, width)
        }
      }
    }
  }
}
