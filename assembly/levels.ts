// Codes of levels in a prepared table of up to 16. Twin: src/kernels/reference/levels.ts; the table: src/kernels/reference/level-table.ts.
import { CODES, INVERSES, LAST, MAGIC_BITS, TAIL, copyBytes, copyWords, least, magic, padTail, pin, word } from './memory'
import { inverseOf } from './scale'

// Layout of a prepared table; twin: level-table.ts.
// Bytes 0 .. 3 of the midpoints above each index, 16 bytes each; +inf where there is none.
const MIDPOINTS: usize = 0
/** The same for the level of each code. */
const LEVELS: usize = 64
/** Index below which no value of a bin lies, 32 bins. */
const BINS: usize = 128
/** Code of each index. */
const ORDER: usize = 160
/** Bins per unit (f32; 0: no bins), bin of value 0 (f32, an integer), number of midpoints (i32). */
const PER_UNIT: usize = 176
const ORIGIN: usize = 180
const COUNT: usize = 184
/** The midpoints as floats. */
const PLAIN: usize = 192

/** Inverses of `count` <= 64 scales to INVERSES, ahead of use: a division takes longer than half a block of 32. */
export function invertScales(scales: usize, count: i32): void {
  let to = INVERSES
  for (; count >= 4; count -= 4, scales += 16, to += 16) v128.store(to, inverseOf(v128.load(scales)))
  for (; count > 0; count--, scales += 4, to += 4) v128.store(to, inverseOf(v128.load32_splat(scales)))
}

@inline function narrow(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d))
}

@inline function narrowMasks(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d))
}

@inline function lowBytes(a: v128, b: v128): v128 {
  return v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}
@inline function highBytes(a: v128, b: v128): v128 {
  return v128.shuffle<i8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
}
@inline function lowWords(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
}
@inline function highWords(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
}

/**
 * One byte a code for `count` values, `first` of them in the first block. Evenly wide bins give each value an index that is right
 * or one too low; one comparison with the midpoint above it settles which.
 */
function encodeBinned(p: usize, count: i32, block: i32, first: i32, table: usize, scales: usize, dst: usize): void {
  const round = magic()
  const perUnit = v128.load32_splat(table + PER_UNIT)
  const origin = f32.load(table + ORIGIN)
  const low = pin(f32x4.splat(-origin), 0)
  const bias = pin(i32x4.splat(MAGIC_BITS - <i32>origin), 1)
  const last = word(18)
  const half = word(19)
  const binsLow = v128.load(table + BINS)
  const binsHigh = v128.load(table + BINS + 16)
  const order = v128.load(table + ORDER)
  const byte0 = v128.load(table + MIDPOINTS)
  const byte1 = v128.load(table + MIDPOINTS + 16)
  const byte2 = v128.load(table + MIDPOINTS + 32)
  const byte3 = v128.load(table + MIDPOINTS + 48)
  let at: usize = 256
  for (let left = first; count > 0; left = block, scales += 4, at += 4) {
    if (at == 256) {
      invertScales(scales, least(64, (count - least(left, count) + block - 1) / block + 1))
      at = 0
    }
    const inverse = v128.load32_splat(INVERSES + at)
    const run = least(left, count)
    count -= run
    for (let rest = run; rest > 0; rest -= 16) {
      const from = rest < 16 ? TAIL : p
      if (rest < 16) padTail(p, rest)
      const t0 = f32x4.mul(v128.load(from), inverse)
      const t1 = f32x4.mul(v128.load(from, 16), inverse)
      const t2 = f32x4.mul(v128.load(from, 32), inverse)
      const t3 = f32x4.mul(v128.load(from, 48), inverse)
      const b0 = i32x4.sub(f32x4.add(f32x4.pmax(low, f32x4.mul(t0, perUnit)), round), bias)
      const b1 = i32x4.sub(f32x4.add(f32x4.pmax(low, f32x4.mul(t1, perUnit)), round), bias)
      const b2 = i32x4.sub(f32x4.add(f32x4.pmax(low, f32x4.mul(t2, perUnit)), round), bias)
      const b3 = i32x4.sub(f32x4.add(f32x4.pmax(low, f32x4.mul(t3, perUnit)), round), bias)
      const bin = i8x16.min_u(narrow(b0, b1, b2, b3), last)
      const index = v128.or(i8x16.swizzle(binsLow, bin), i8x16.swizzle(binsHigh, i8x16.sub(bin, half)))
      const m0 = i8x16.swizzle(byte0, index)
      const m1 = i8x16.swizzle(byte1, index)
      const m2 = i8x16.swizzle(byte2, index)
      const m3 = i8x16.swizzle(byte3, index)
      const low01 = lowBytes(m0, m1)
      const low23 = lowBytes(m2, m3)
      const high01 = highBytes(m0, m1)
      const high23 = highBytes(m2, m3)
      const above = narrowMasks(
        f32x4.gt(t0, lowWords(low01, low23)),
        f32x4.gt(t1, highWords(low01, low23)),
        f32x4.gt(t2, lowWords(high01, high23)),
        f32x4.gt(t3, highWords(high01, high23)),
      )
      const codes = i8x16.swizzle(order, i8x16.sub(index, above))
      if (rest < 16) {
        v128.store(LAST, codes)
        copyBytes(dst, LAST, rest)
        p += <usize>rest << 2
        dst += rest
      } else {
        v128.store(dst, codes)
        p += 64
        dst += 16
      }
    }
  }
}

/** The same by comparison with every midpoint: for few levels, and for those that bins cannot tell apart. */
function encodeCompared(p: usize, count: i32, block: i32, first: i32, table: usize, scales: usize, dst: usize): void {
  const midpoints = table + PLAIN
  const end = midpoints + (i32.load(table + COUNT) << 2)
  const order = v128.load(table + ORDER)
  let at: usize = 256
  for (let left = first; count > 0; left = block, scales += 4, at += 4) {
    if (at == 256) {
      invertScales(scales, least(64, (count - least(left, count) + block - 1) / block + 1))
      at = 0
    }
    const inverse = v128.load32_splat(INVERSES + at)
    const run = least(left, count)
    count -= run
    for (let rest = run; rest > 0; rest -= 16) {
      const from = rest < 16 ? TAIL : p
      if (rest < 16) padTail(p, rest)
      const t0 = f32x4.mul(v128.load(from), inverse)
      const t1 = f32x4.mul(v128.load(from, 16), inverse)
      const t2 = f32x4.mul(v128.load(from, 32), inverse)
      const t3 = f32x4.mul(v128.load(from, 48), inverse)
      let c0 = i32x4.splat(0)
      let c1 = c0
      let c2 = c0
      let c3 = c0
      for (let m = midpoints; m < end; m += 4) {
        const midpoint = v128.load32_splat(m)
        c0 = i32x4.sub(c0, f32x4.gt(t0, midpoint))
        c1 = i32x4.sub(c1, f32x4.gt(t1, midpoint))
        c2 = i32x4.sub(c2, f32x4.gt(t2, midpoint))
        c3 = i32x4.sub(c3, f32x4.gt(t3, midpoint))
      }
      const codes = i8x16.swizzle(order, narrow(c0, c1, c2, c3))
      if (rest < 16) {
        v128.store(LAST, codes)
        copyBytes(dst, LAST, rest)
        p += <usize>rest << 2
        dst += rest
      } else {
        v128.store(dst, codes)
        p += 64
        dst += 16
      }
    }
  }
}

export function encodeLevels(p: usize, count: i32, block: i32, first: i32, table: usize, scales: usize, dst: usize): void {
  if (f32.load(table + PER_UNIT) != 0) encodeBinned(p, count, block, first, table, scales, dst)
  else encodeCompared(p, count, block, first, table, scales, dst)
}

/** scale * level for `count` codes of one byte at CODES, `first` of them in the first block; codes beyond 15 give 0. */
export function decodeLevels(count: i32, block: i32, first: i32, table: usize, scales: usize, dst: usize): void {
  const byte0 = v128.load(table + LEVELS)
  const byte1 = v128.load(table + LEVELS + 16)
  const byte2 = v128.load(table + LEVELS + 32)
  const byte3 = v128.load(table + LEVELS + 48)
  let codes = CODES
  for (let left = first; count > 0; left = block, scales += 4) {
    const scale = v128.load32_splat(scales)
    const run = least(left, count)
    count -= run
    for (let rest = run; rest > 0; rest -= 16) {
      const index = v128.load(codes)
      const to = rest < 16 ? TAIL : dst
      const m0 = i8x16.swizzle(byte0, index)
      const m1 = i8x16.swizzle(byte1, index)
      const m2 = i8x16.swizzle(byte2, index)
      const m3 = i8x16.swizzle(byte3, index)
      const low01 = lowBytes(m0, m1)
      const low23 = lowBytes(m2, m3)
      const high01 = highBytes(m0, m1)
      const high23 = highBytes(m2, m3)
      v128.store(to, f32x4.mul(scale, lowWords(low01, low23)))
      v128.store(to, f32x4.mul(scale, highWords(low01, low23)), 16)
      v128.store(to, f32x4.mul(scale, lowWords(high01, high23)), 32)
      v128.store(to, f32x4.mul(scale, highWords(high01, high23)), 48)
      const taken = least(16, rest)
      if (rest < 16) copyWords(dst, TAIL, rest)
      codes += taken
      dst += <usize>taken << 2
    }
  }
}
