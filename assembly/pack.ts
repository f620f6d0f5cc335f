// Codes of less than a byte. Twin: src/kernels/reference/pack.ts.
import { CODES, EDGE, PANEL, PANEL_COLUMNS, PARAMS, SQUARE, UNIT, fillBytes, least, padEdge, pin } from './memory'
import { ROW_RUN, encodeColumns, encodeColumnsFrom, encodeRow, encodeUnit, loadGrids } from './encode'
import { fitColumns, fitRows } from './fit'
import { transpose } from './transpose'

/** Codes of a row that are packed at a time; a multiple of ROW_RUN. */
const PACK_RUN: i32 = 4096

export function packCodes(codes: usize, count: i32, bits: i32, dst: usize): void {
  if (bits == 8) {
    memory.copy(dst, codes, count)
    return
  }
  if (bits == 4) {
    const lows = pin(i16x8.splat(0x0f), 0)
    const highs = pin(i16x8.splat(0xf0), 1)
    for (; count >= 32; count -= 32, codes += 32, dst += 16) {
      const a = v128.load(codes)
      const b = v128.load(codes, 16)
      const c = v128.or(v128.and(a, lows), v128.and(i16x8.shr_u(a, 4), highs))
      const d = v128.or(v128.and(b, lows), v128.and(i16x8.shr_u(b, 4), highs))
      v128.store(dst, i8x16.narrow_i16x8_u(c, d))
    }
  } else {
    for (; count >= 16; count -= 16, codes += 16, dst += 4) {
      const a = v128.load(codes)
      const pairs = v128.or(v128.and(a, i16x8.splat(3)), v128.and(i16x8.shr_u(a, 6), i16x8.splat(12)))
      const fours = v128.and(v128.or(pairs, i32x4.shr_u(pairs, 12)), i32x4.splat(0xff))
      const words = i16x8.narrow_i32x4_s(fours, fours)
      v128.store32_lane(dst, i8x16.narrow_i16x8_u(words, words), 0)
    }
  }
  const perByte = 8 / bits
  for (; count > 0; count -= perByte, dst++) {
    let byte = 0
    for (let i = 0; i < perByte && i < count; i++) byte |= i32.load8_u(codes++) << (i * bits)
    i32.store8(dst, byte)
  }
}

export function unpackCodes(src: usize, count: i32, bits: i32, flip: i32, codes: usize): void {
  const flips = pin(i8x16.splat(<i8>flip), 0)
  const perByte = 8 / bits
  const mask = (1 << bits) - 1
  if (bits == 8) {
    for (; count >= 16; count -= 16, src += 16, codes += 16) v128.store(codes, v128.xor(v128.load(src), flips))
  } else if (bits == 4) {
    const lows = pin(i8x16.splat(0x0f), 1)
    for (; count >= 32; count -= 32, src += 16, codes += 32) {
      const a = v128.load(src)
      const low = v128.and(a, lows)
      const high = i8x16.shr_u(a, 4)
      v128.store(codes, v128.xor(flips, v128.shuffle<i8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)))
      v128.store(codes, v128.xor(flips, v128.shuffle<i8>(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)), 16)
    }
  } else {
    for (; count >= 16; count -= 16, src += 4, codes += 16) {
      const a = v128.load32_zero(src)
      const b = v128.shuffle<i8>(a, a, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3)
      const even = v128.or(v128.and(b, i32x4.splat(3)), v128.and(i32x4.shr_u(b, 2), i32x4.splat(0x300)))
      const odd = v128.or(v128.and(i32x4.shr_u(b, 4), i32x4.splat(0x30000)), v128.and(i32x4.shr_u(b, 6), i32x4.splat(0x3000000)))
      v128.store(codes, v128.xor(flips, v128.or(even, odd)))
    }
  }
  for (let i = 0; i < count; i++) {
    i32.store8(codes + i, ((i32.load8_u(src + i / perByte) >> ((i % perByte) * bits)) & mask) ^ flip)
  }
}

/** Blocks of a piece of a row: about `run` elements, so many that the error lanes are folded at its end. */
@inline function wholeBlocks(run: i32, block: i32): i32 {
  const unit = (ROW_RUN + block - 1) / block
  return block > ROW_RUN ? 1 : max(1, run / (unit * block)) * unit
}

/** One row, padded to whole blocks and a whole byte. Returns total plus its squared error. */
function packRow(p: usize, columns: i32, block: i32, bits: i32, flip: i32, scales: usize, zeros: usize, dst: usize, total: f64): f64 {
  const perByte = 8 / bits
  let padding = block - 1 - (columns - 1) % block
  const ragged = (columns + padding) % perByte
  if (ragged) padding += perByte - ragged
  const last = zeros ? i32.load8_u(zeros + <usize>((columns - 1) / block)) : 1 << (bits - 1)
  if (bits == 8) {
    total = encodeRow(p, columns, block, bits, flip, scales, zeros, dst, total)
    fillBytes(dst + <usize>columns, last ^ flip, padding)
    return total
  }
  if (block > PACK_RUN >> 1) {
    while (columns > 0) {
      let left = least(block, columns)
      columns -= left
      while (left > 0) {
        const run = least(left, PACK_RUN)
        left -= run
        total = encodeRow(p, run, run, bits, flip, scales, zeros, CODES, total)
        p += <usize>run << 2
        // Padding can be longer than the row of codes: it is packed apart, from a whole byte on.
        const ends = left == 0 && columns == 0
        const missing = ends ? least(padding, (perByte - run % perByte) % perByte) : 0
        fillBytes(CODES + <usize>run, last ^ flip, missing)
        packCodes(CODES, run + missing, bits, dst)
        dst += (run + missing) / perByte
        padding -= missing
      }
      scales += 4
      if (zeros) zeros++
    }
  } else {
    const whole = wholeBlocks(PACK_RUN, block)
    while (columns > 0) {
      const run = least(whole * block, columns)
      columns -= run
      total = encodeRow(p, run, block, bits, flip, scales, zeros, CODES, total)
      p += <usize>run << 2
      scales += whole << 2
      if (zeros) zeros += whole
      const missing = columns == 0 ? least(padding, (perByte - run % perByte) % perByte) : 0
      fillBytes(CODES + <usize>run, last ^ flip, missing)
      packCodes(CODES, run + missing, bits, dst)
      dst += (run + missing) / perByte
      padding -= missing
    }
  }
  let byte = last ^ flip
  for (let width = bits; width < 8; width <<= 1) byte |= byte << width
  fillBytes(dst, byte, padding / perByte)
  return total
}

export function packRows(src: usize, stride: usize, rows: i32, columns: i32, block: i32, bits: i32, flip: i32, scales: usize, zeros: usize, dst: usize, dstStride: usize): f64 {
  let total: f64 = 0
  if (columns <= 0) return total
  const blocks: usize = (columns + block - 1) / block
  for (; rows > 0; rows--, src += stride << 2, dst += dstStride, scales += blocks << 2) {
    total = packRow(src, columns, block, bits, flip, scales, zeros, dst, total)
    if (zeros) zeros += blocks
  }
  return total
}

/** Floats of a row that are fitted and packed before the next: they stay in the first-level cache. */
const NEAREST_RUN: i32 = 2048

export function nearestPackRows(src: usize, stride: usize, rows: i32, columns: i32, block: i32, mode: i32, bits: i32, flip: i32, halfScales: i32, scales: usize, zeros: usize, dst: usize, dstStride: usize): f64 {
  let total: f64 = 0
  if (columns <= 0) return total
  const maxCode = (1 << bits) - 1
  const whole = wholeBlocks(NEAREST_RUN, block)
  for (; rows > 0; rows--, src += stride << 2, dst += dstStride) {
    let p = src
    let to = dst
    for (let left = columns; left > 0; ) {
      const run = least(whole * block, left)
      const blocks: usize = (run + block - 1) / block
      left -= run
      fitRows(p, 0, 1, run, block, mode, maxCode, halfScales, scales, zeros)
      total = packRow(p, run, block, bits, flip, scales, zeros, to, total)
      p += <usize>run << 2
      to += (<usize>run * bits) >> 3
      scales += blocks << 2
      if (zeros) zeros += blocks
    }
  }
  return total
}

/** Packs the rows of UNIT so that 16 rows of bytes hold what 128 / bits rows of codes did, then writes `bytes` of each column. */
function writeUnit(bits: i32, dst: usize, dstStride: usize, width: i32, bytes: i32): void {
  if (bits == 8) {
    transpose(UNIT, 16, dst, dstStride, width, bytes)
    return
  }
  if (bits == 4) {
    for (let i: usize = 0; i < 256; i += 16) {
      const from = UNIT + (i << 1)
      v128.store(SQUARE + i, v128.or(v128.load(from), i16x8.shl(v128.load(from, 16), 4)))
    }
  } else {
    for (let i: usize = 0; i < 256; i += 16) {
      const from = UNIT + (i << 2)
      const low = v128.or(v128.load(from), i16x8.shl(v128.load(from, 16), 2))
      const high = v128.or(v128.load(from, 32), i16x8.shl(v128.load(from, 48), 2))
      v128.store(SQUARE + i, v128.or(low, i16x8.shl(high, 4)))
    }
  }
  transpose(SQUARE, 16, dst, dstStride, width, bytes)
}

/** Up to 16 columns of one block. */
function packGroup(p: usize, step: usize, rows: i32, width: i32, block: i32, bits: i32, flip: i32, scales: usize, scaleStep: usize, zeros: usize, zeroStep: usize, dst: usize, dstStride: usize, total: f64): f64 {
  const unit = 128 / bits
  loadGrids(width, bits, scales, scaleStep, zeros, zeroStep)
  const none = v128.xor(v128.load(PARAMS, 320), i8x16.splat(<i8>flip))
  for (let top = 0; top < block; top += unit, rows -= unit, p += step * <usize>unit, dst += 16) {
    const count = rows < unit ? (rows > 0 ? rows : 0) : unit
    if (width == 16) total = encodeUnit(!zeros, p, step, count, flip, UNIT, 16, total)
    else {
      padEdge(p, step, count, width)
      total = encodeUnit(!zeros, EDGE, 64, count, flip, UNIT, 16, total)
    }
    for (let row = count; row < unit; row++) v128.store(UNIT + (<usize>row << 4), none)
    writeUnit(bits, dst, dstStride, width, (least(unit, block - top) * bits) >> 3)
  }
  return total
}

export function packColumns(src: usize, stride: usize, rows: i32, columns: i32, block: i32, bits: i32, flip: i32, scales: usize, scaleStride: usize, zeros: usize, zeroStride: usize, dst: usize, dstStride: usize): f64 {
  let total: f64 = 0
  for (; columns > 0; columns -= 16, src += 64, scales += scaleStride << 6, dst += dstStride << 4) {
    total = packGroup(src, stride << 2, rows, least(16, columns), block, bits, flip, scales, scaleStride << 2, zeros, zeroStride, dst, dstStride, total)
    if (zeros) zeros += zeroStride << 4
  }
  return total
}

export function nearestPackColumns(src: usize, stride: usize, rows: i32, columns: i32, block: i32, mode: i32, bits: i32, flip: i32, halfScales: i32, scales: usize, scaleStride: usize, zeros: usize, zeroStride: usize, dst: usize, dstStride: usize): f64 {
  let total: f64 = 0
  const maxCode = (1 << bits) - 1
  for (; columns > 0; columns -= 16, src += 64, scales += scaleStride << 6, dst += dstStride << 4) {
    const width = least(16, columns)
    fitColumns(src, stride, rows, width, mode, maxCode, halfScales, scales, scaleStride, zeros, zeroStride)
    total = packGroup(src, stride << 2, rows, width, block, bits, flip, scales, scaleStride << 2, zeros, zeroStride, dst, dstStride, total)
    if (zeros) zeros += zeroStride << 4
  }
  return total
}

/** Writes codes at a bit position and leaves the bits around them alone. */
function putCodes(codes: usize, count: i32, bits: i32, dst: usize, position: usize): void {
  const mask = (1 << bits) - 1
  for (; count > 0; count--, codes++, position += <usize>bits) {
    const at = dst + (position >> 3)
    const shift = <i32>(position & 7)
    i32.store8(at, (i32.load8_u(at) & ~(mask << shift)) | (i32.load8_u(codes) << shift))
  }
}

export function packColumnsInPlace(src: usize, stride: usize, rows: i32, columns: i32, bits: i32, flip: i32, scales: usize, scaleStride: usize, zeros: usize, zeroStride: usize, dst: usize, dstStride: usize): f64 {
  if (bits == 8) return encodeColumns(src, stride, rows, columns, bits, flip, scales, scaleStride, zeros, zeroStride, dst, dstStride)
  const unit = 128 / bits
  const step = stride << 2
  const whole = (columns * bits) % 8 == 0
  let total: f64 = 0
  for (let top = 0; top < rows; top += unit) {
    const count = least(unit, rows - top)
    for (let left = 0; left < columns; left += PANEL_COLUMNS) {
      const width = least(PANEL_COLUMNS, columns - left)
      const at = <usize>left
      const from = src + step * <usize>top + (at << 2)
      const panelZeros = zeros ? zeros + at * zeroStride : 0
      total = encodeColumnsFrom(from, step, count, width, bits, flip, scales + at * (scaleStride << 2), scaleStride << 2, panelZeros, zeroStride, PANEL, PANEL_COLUMNS, total)
      for (let row: usize = 0; row < <usize>count; row++) {
        if (!whole) putCodes(PANEL + row * PANEL_COLUMNS, width, bits, dst, ((<usize>top + row) * columns + at) * bits)
        else packCodes(PANEL + row * PANEL_COLUMNS, width, bits, dst + (<usize>top + row) * dstStride + ((at * bits) >> 3))
      }
    }
  }
  const used = (rows * columns * bits) & 7
  if (!whole && used) {
    const end = dst + ((<usize>rows * columns * bits) >> 3)
    i32.store8(end, i32.load8_u(end) & ((1 << used) - 1))
  }
  return total
}
