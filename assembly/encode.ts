// One-byte codes. Twin: src/kernels/reference/encode.ts (which fixes the order of the error sums: 16 f32 lanes a run, then f64).
import { CODES, EDGE, ERRORS, INVERSES, LAST, MAGIC_BITS, PARAMS, TAIL, UNIT, copyBytes, least, magic, padEdge, padTail, pin } from './memory'
import { inverseOf } from './scale'
import { transpose } from './transpose'

/** Elements of a row after which error lanes are folded, at the end of a block. */
export const ROW_RUN: i32 = 1024

/** Integer q of each lane, as float + 1.5 * 2^23. */
@inline function level(x: v128, inverse: v128, low: v128, high: v128, round: v128): v128 {
  return f32x4.add(f32x4.pmin(high, f32x4.pmax(low, f32x4.mul(x, inverse))), round)
}

@inline function squared(x: v128, scale: v128, leveled: v128, round: v128): v128 {
  const r = f32x4.sub(x, f32x4.mul(scale, f32x4.sub(leveled, round)))
  return f32x4.mul(r, r)
}

@inline function narrow(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d))
}

/** Adds 16 lanes to a total: 16 -> 4 in f32, 4 -> 1 in f64. */
@inline export function foldErrors(total: f64, e0: v128, e1: v128, e2: v128, e3: v128): f64 {
  const s = f32x4.add(f32x4.add(e0, e1), f32x4.add(e2, e3))
  const pairs = f64x2.add(f64x2.promote_low_f32x4(s), f64x2.promote_low_f32x4(v128.shuffle<i32>(s, s, 2, 3, 0, 1)))
  return total + (f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1))
}

/** Inverses of `count` <= 64 scales to INVERSES, ahead of use: a division takes longer than half a block of 32. */
function invert(scales: usize, count: i32): void {
  let to = INVERSES
  for (; count >= 4; count -= 4, scales += 16, to += 16) v128.store(to, inverseOf(v128.load(scales)))
  for (; count > 0; count--, scales += 4, to += 4) v128.store(to, inverseOf(v128.load32_splat(scales)))
}

/** `count` floats from p, blocks starting there. Returns total plus their squared error. */
export function encodeRow(p: usize, count: i32, block: i32, bits: i32, flip: i32, scales: usize, zeros: usize, dst: usize, total: f64): f64 {
  const round = magic()
  const flips = pin(i8x16.splat(<i8>flip), 0)
  const top = <f32>((1 << bits) - 1)
  const zero = 1 << (bits - 1)
  let low = pin(f32x4.splat(-<f32>zero), 1)
  let high = pin(f32x4.splat(top - <f32>zero), 2)
  let bias = pin(i32x4.splat(MAGIC_BITS - zero), 3)
  let e0 = f32x4.splat(0)
  let e1 = e0
  let e2 = e0
  let e3 = e0
  let since = 0
  let at: usize = 256
  for (; count > 0; count -= block, scales += 4, at += 4) {
    if (at == 256) {
      invert(scales, least(64, (count + block - 1) / block))
      at = 0
    }
    const scale = v128.load32_splat(scales)
    const inverse = v128.load32_splat(INVERSES + at)
    if (zeros) {
      const own = i32.load8_u(zeros++)
      low = pin(f32x4.splat(-<f32>own), 1)
      high = pin(f32x4.splat(top - <f32>own), 2)
      bias = pin(i32x4.splat(MAGIC_BITS - own), 3)
    }
    let left = least(block, count)
    while (left > 0) {
      let run = least(left, ROW_RUN)
      left -= run
      since += run
      for (; run >= 16; run -= 16, p += 64, dst += 16) {
        const a = v128.load(p)
        const b = v128.load(p, 16)
        const c = v128.load(p, 32)
        const d = v128.load(p, 48)
        const la = level(a, inverse, low, high, round)
        const lb = level(b, inverse, low, high, round)
        const lc = level(c, inverse, low, high, round)
        const ld = level(d, inverse, low, high, round)
        e0 = f32x4.add(e0, squared(a, scale, la, round))
        e1 = f32x4.add(e1, squared(b, scale, lb, round))
        e2 = f32x4.add(e2, squared(c, scale, lc, round))
        e3 = f32x4.add(e3, squared(d, scale, ld, round))
        const codes = narrow(i32x4.sub(la, bias), i32x4.sub(lb, bias), i32x4.sub(lc, bias), i32x4.sub(ld, bias))
        v128.store(dst, v128.xor(codes, flips))
      }
      if (run > 0) {
        padTail(p, run)
        const a = v128.load(TAIL)
        const b = v128.load(TAIL, 16)
        const c = v128.load(TAIL, 32)
        const d = v128.load(TAIL, 48)
        const la = level(a, inverse, low, high, round)
        const lb = level(b, inverse, low, high, round)
        const lc = level(c, inverse, low, high, round)
        const ld = level(d, inverse, low, high, round)
        e0 = f32x4.add(e0, squared(a, scale, la, round))
        e1 = f32x4.add(e1, squared(b, scale, lb, round))
        e2 = f32x4.add(e2, squared(c, scale, lc, round))
        e3 = f32x4.add(e3, squared(d, scale, ld, round))
        const codes = narrow(i32x4.sub(la, bias), i32x4.sub(lb, bias), i32x4.sub(lc, bias), i32x4.sub(ld, bias))
        v128.store(LAST, v128.xor(codes, flips))
        copyBytes(dst, LAST, run)
        p += <usize>run << 2
        dst += run
      }
      if (since >= ROW_RUN || block > ROW_RUN) {
        total = foldErrors(total, e0, e1, e2, e3)
        since = 0
        e0 = f32x4.splat(0)
        e1 = e0
        e2 = e0
        e3 = e0
      }
    }
  }
  return since > 0 ? foldErrors(total, e0, e1, e2, e3) : total
}

export function encodeRows(src: usize, stride: usize, rows: i32, columns: i32, block: i32, bits: i32, flip: i32, scales: usize, zeros: usize, dst: usize, dstStride: usize): f64 {
  let total: f64 = 0
  const blocks = columns > 0 ? <usize>((columns + block - 1) / block) : 0
  for (; rows > 0; rows--, src += stride << 2, dst += dstStride, scales += blocks << 2) {
    total = encodeRow(src, columns, block, bits, flip, scales, zeros, dst, total)
    if (zeros) zeros += blocks
  }
  return total
}

/** Reads the grids of `width` <= 16 columns to PARAMS, ready for encodeUnit; the other lanes get scale 0 and zero = half. */
export function loadGrids(width: i32, bits: i32, scales: usize, scaleStep: usize, zeros: usize, zeroStep: usize): void {
  const half = 1 << (bits - 1)
  const top = f32x4.splat(<f32>((1 << bits) - 1))
  const plain = width == 16 && scaleStep == 4
  if (!plain) {
    for (let i: usize = 0; i < 16; i++) f32.store(PARAMS + (i << 2), <i32>i < width ? f32.load(scales + i * scaleStep) : 0)
  }
  v128.store(PARAMS, i8x16.splat(<i8>half), 320)
  if (zeros) {
    for (let i: usize = 0; i < <usize>width; i++) i32.store8(PARAMS + 320 + i, i32.load8_u(zeros + i * zeroStep))
  }
  for (let i: usize = 0; i < 4; i++) {
    const at = PARAMS + (i << 4)
    const scale = plain ? v128.load(scales + (i << 4)) : v128.load(at)
    v128.store(at, scale)
    v128.store(at, inverseOf(scale), 64)
    const zero = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(PARAMS + 320 + (i << 2))))
    const low = f32x4.neg(f32x4.convert_i32x4_s(zero))
    v128.store(at, low, 128)
    v128.store(at, f32x4.add(low, top), 192)
    v128.store(at, i32x4.sub(i32x4.splat(MAGIC_BITS), zero), 256)
  }
}

/**
 * `rows` rows of 8 of the 16 columns whose grids are in PARAMS; a quarter of their error lanes each goes to `errors`, `errors` + 16.
 * `uniform`: all zeros are equal. 16 columns at once would need more registers than there are.
 */
@inline function encodeHalf(uniform: bool, params: usize, p: usize, step: usize, rows: i32, flip: i32, dst: usize, dstStep: usize, errors: usize): void {
  const round = magic()
  const flips = pin(i8x16.splat(<i8>flip), 0)
  const scaleA = v128.load(params)
  const scaleB = v128.load(params, 16)
  const inverseA = v128.load(params, 64)
  const inverseB = v128.load(params, 80)
  const lowA = v128.load(params, 128)
  const lowB = uniform ? lowA : v128.load(params, 144)
  const highA = v128.load(params, 192)
  const highB = uniform ? highA : v128.load(params, 208)
  const biasA = v128.load(params, 256)
  const biasB = uniform ? biasA : v128.load(params, 272)
  let errorA = f32x4.splat(0)
  let errorB = errorA
  for (; rows > 0; rows--, p += step, dst += dstStep) {
    const a = v128.load(p)
    const b = v128.load(p, 16)
    const la = level(a, inverseA, lowA, highA, round)
    const lb = level(b, inverseB, lowB, highB, round)
    errorA = f32x4.add(errorA, squared(a, scaleA, la, round))
    errorB = f32x4.add(errorB, squared(b, scaleB, lb, round))
    const words = i16x8.narrow_i32x4_s(i32x4.sub(la, biasA), i32x4.sub(lb, biasB))
    v128.store64_lane(dst, v128.xor(i8x16.narrow_i16x8_u(words, words), flips), 0)
  }
  v128.store(errors, errorA)
  v128.store(errors, errorB, 16)
}

/** `rows` rows of 16 columns with the grids in PARAMS. */
export function encodeUnit(uniform: bool, p: usize, step: usize, rows: i32, flip: i32, dst: usize, dstStep: usize, total: f64): f64 {
  if (uniform) {
    encodeHalf(true, PARAMS, p, step, rows, flip, dst, dstStep, ERRORS)
    encodeHalf(true, PARAMS + 32, p + 32, step, rows, flip, dst + 8, dstStep, ERRORS + 32)
  } else {
    encodeHalf(false, PARAMS, p, step, rows, flip, dst, dstStep, ERRORS)
    encodeHalf(false, PARAMS + 32, p + 32, step, rows, flip, dst + 8, dstStep, ERRORS + 32)
  }
  return foldErrors(total, v128.load(ERRORS), v128.load(ERRORS, 16), v128.load(ERRORS, 32), v128.load(ERRORS, 48))
}

/** As encodeColumns, continuing a total. */
export function encodeColumnsFrom(src: usize, step: usize, rows: i32, columns: i32, bits: i32, flip: i32, scales: usize, scaleStep: usize, zeros: usize, zeroStep: usize, dst: usize, dstStep: usize, total: f64): f64 {
  const unit = 128 / bits
  for (; rows > 0; rows -= unit, src += step * <usize>unit, dst += dstStep * <usize>unit) {
    const count = least(unit, rows)
    for (let column = 0; column < columns; column += 16) {
      const width = least(16, columns - column)
      const at = <usize>column
      loadGrids(width, bits, scales + at * scaleStep, scaleStep, zeros ? zeros + at * zeroStep : 0, zeroStep)
      if (width == 16) total = encodeUnit(!zeros, src + (at << 2), step, count, flip, dst + at, dstStep, total)
      else {
        padEdge(src + (at << 2), step, count, width)
        total = encodeUnit(!zeros, EDGE, 64, count, flip, UNIT, 16, total)
        for (let i: usize = 0; i < <usize>count; i++) copyBytes(dst + at + i * dstStep, UNIT + (i << 4), width)
      }
    }
  }
  return total
}

export function encodeColumns(src: usize, stride: usize, rows: i32, columns: i32, bits: i32, flip: i32, scales: usize, scaleStride: usize, zeros: usize, zeroStride: usize, dst: usize, dstStride: usize): f64 {
  return encodeColumnsFrom(src, stride << 2, rows, columns, bits, flip, scales, scaleStride << 2, zeros, zeroStride, dst, dstStride, 0)
}

/** Columns of a row that are encoded before the next row of the same 16 is. */
const TRANSPOSE_RUN: i32 = 256

export function encodeRowsTransposed(src: usize, stride: usize, rows: i32, columns: i32, bits: i32, flip: i32, scales: usize, zeros: usize, dst: usize, dstStride: usize): f64 {
  let total: f64 = 0
  const step = stride << 2
  for (; rows > 0; rows -= 16, src += step << 4, scales += 64, dst += 16) {
    const height = least(16, rows)
    for (let left = 0; left < columns; left += TRANSPOSE_RUN) {
      const count = least(TRANSPOSE_RUN, columns - left)
      for (let row: usize = 0; row < <usize>height; row++) {
        const from = src + row * step + (<usize>left << 2)
        total = encodeRow(from, count, TRANSPOSE_RUN, bits, flip, scales + (row << 2), zeros ? zeros + row : 0, CODES + (row << 8), total)
      }
      for (let column = 0; column < count; column += 16) {
        transpose(CODES + <usize>column, 256, dst + <usize>(left + column) * dstStride, dstStride, least(16, count - column), height)
      }
    }
    if (zeros) zeros += 16
  }
  return total
}
