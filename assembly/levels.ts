// Codes of levels in a prepared table of up to 16. Twin: src/kernels/reference/levels.ts; the table: src/kernels/reference/level-table.ts.
import { CODES, INVERSES, LARGE, LAST, MAGIC_BITS, TAIL, copyBytes, copyWords, least, magic, padTail, pin, word } from './memory'
import { inverseOf } from './scale'

// Layout of a prepared table; twin: level-table.ts.
/** Low and high bytes of the positions of the thresholds, 16 each. */
const POSITIONS: usize = 0
/** Index below which no value of a bin lies, 32 bins. */
const BINS: usize = 32
/** Bytes 0 .. 3 of the level of each code, 16 each. */
const LEVELS: usize = 64
/** Code of each index. */
const ORDER: usize = 128
/** Position steps per unit (f32; 0: no positions), position of value 0 (i32), number of thresholds (i32). */
const PER_UNIT: usize = 144
const ORIGIN: usize = 148
const COUNT: usize = 152
/** The thresholds as floats; +inf where there is none. */
const THRESHOLDS: usize = 160

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

/** Codes of 16 values by comparison with every threshold. */
function compareCodes(from: usize, inverse: v128, table: usize): v128 {
  const t0 = f32x4.mul(v128.load(from), inverse)
  const t1 = f32x4.mul(v128.load(from, 16), inverse)
  const t2 = f32x4.mul(v128.load(from, 32), inverse)
  const t3 = f32x4.mul(v128.load(from, 48), inverse)
  let c0 = i32x4.splat(0)
  let c1 = c0
  let c2 = c0
  let c3 = c0
  const end = table + THRESHOLDS + (i32.load(table + COUNT) << 2)
  for (let at = table + THRESHOLDS; at < end; at += 4) {
    const threshold = v128.load32_splat(at)
    c0 = i32x4.sub(c0, f32x4.gt(t0, threshold))
    c1 = i32x4.sub(c1, f32x4.gt(t1, threshold))
    c2 = i32x4.sub(c2, f32x4.gt(t2, threshold))
    c3 = i32x4.sub(c3, f32x4.gt(t3, threshold))
  }
  return i8x16.swizzle(v128.load(table + ORDER), narrow(c0, c1, c2, c3))
}

/** One block by comparison. */
function compareRun(p: usize, run: i32, inverse: v128, table: usize, dst: usize): void {
  for (; run >= 16; run -= 16, p += 64, dst += 16) v128.store(dst, compareCodes(p, inverse, table))
  if (run == 0) return
  padTail(p, run)
  v128.store(LAST, compareCodes(TAIL, inverse, table))
  copyBytes(dst, LAST, run)
}

/** One byte a code for `count` values, `first` of them in the first block. */
function encodeCompared(p: usize, count: i32, block: i32, first: i32, table: usize, scales: usize, dst: usize): void {
  for (let left = first; count > 0; left = block, scales += 4) {
    const run = least(left, count)
    compareRun(p, run, inverseOf(v128.load32_splat(scales)), table, dst)
    count -= run
    p += <usize>run << 2
    dst += run
  }
}

/** The same for up to two thresholds. */
function encodeFew(p: usize, count: i32, block: i32, first: i32, table: usize, scales: usize, dst: usize): void {
  const order = v128.load(table + ORDER)
  const low = v128.load32_splat(table + THRESHOLDS)
  const high = v128.load32_splat(table + THRESHOLDS + 4)
  for (let left = first; count > 0; left = block, scales += 4) {
    const inverse = inverseOf(v128.load32_splat(scales))
    const run = least(left, count)
    const tail = run & 15
    count -= run
    let from = p
    let to = dst
    let rest = run
    for (;;) {
      for (; rest >= 16; rest -= 16, from += 64, to += 16) {
        const t0 = f32x4.mul(v128.load(from), inverse)
        const t1 = f32x4.mul(v128.load(from, 16), inverse)
        const t2 = f32x4.mul(v128.load(from, 32), inverse)
        const t3 = f32x4.mul(v128.load(from, 48), inverse)
        const above = narrowMasks(
          i32x4.add(f32x4.gt(t0, low), f32x4.gt(t0, high)),
          i32x4.add(f32x4.gt(t1, low), f32x4.gt(t1, high)),
          i32x4.add(f32x4.gt(t2, low), f32x4.gt(t2, high)),
          i32x4.add(f32x4.gt(t3, low), f32x4.gt(t3, high)),
        )
        v128.store(to, i8x16.swizzle(order, i8x16.neg(above)))
      }
      if (rest == 0) break
      padTail(from, rest)
      from = TAIL
      to = LAST
      rest = 16
    }
    if (tail) copyBytes(dst + <usize>(run - tail), LAST, tail)
    p += <usize>run << 2
    dst += run
  }
}

/**
 * The same where a table has positions: a value is put on a scale of 65536 of them, of which no 2048 hold two thresholds; its bin says
 * which threshold can be next to it, one comparison of positions on which side it lies. Vectors in which a position is that of its
 * threshold are compared once more: at the end, since a call inside the loop would cost every register.
 */
function encodeBinned(p: usize, count: i32, block: i32, first: i32, table: usize, scales: usize, dst: usize): void {
  const round = magic()
  const perUnit = f32.load(table + PER_UNIT)
  const origin = i32.load(table + ORIGIN)
  const lowest = pin(f32x4.splat(-40000 - <f32>origin), 0)
  const bias = pin(i32x4.splat(MAGIC_BITS - origin), 1)
  const half = word(18)
  const order = v128.load(table + ORDER)
  const binsBelow = v128.load(table + BINS)
  const binsAbove = v128.load(table + BINS + 16)
  const lowPosition = v128.load(table + POSITIONS)
  const highPosition = v128.load(table + POSITIONS + 16)
  let again = LARGE
  let at: usize = 256
  for (let left = first; count > 0; left = block, scales += 4, at += 4) {
    if (at == 256) {
      invertScales(scales, least(64, (count - least(left, count) + block - 1) / block + 1))
      at = 0
    }
    const inverse = f32.load(INVERSES + at)
    const run = least(left, count)
    const tail = run & 15
    count -= run
    let from = p
    let to = dst
    let rest = run
    if (!(abs(inverse) < 1e30 && abs(inverse) > 1e-30)) compareRun(p, run, f32x4.splat(inverse), table, dst)
    else {
      const factor = f32x4.splat(inverse * perUnit)
      for (;;) {
        const before = again
        for (; rest >= 16; rest -= 16, from += 64, to += 16) {
          const v0 = f32x4.add(f32x4.pmax(lowest, f32x4.mul(v128.load(from), factor)), round)
          const v1 = f32x4.add(f32x4.pmax(lowest, f32x4.mul(v128.load(from, 16), factor)), round)
          const v2 = f32x4.add(f32x4.pmax(lowest, f32x4.mul(v128.load(from, 32), factor)), round)
          const v3 = f32x4.add(f32x4.pmax(lowest, f32x4.mul(v128.load(from, 48), factor)), round)
          const q0 = i16x8.narrow_i32x4_s(i32x4.sub(v0, bias), i32x4.sub(v1, bias))
          const q1 = i16x8.narrow_i32x4_s(i32x4.sub(v2, bias), i32x4.sub(v3, bias))
          const bin = i8x16.narrow_i16x8_s(i16x8.shr_s(q0, 11), i16x8.shr_s(q1, 11))
          const index = v128.or(i8x16.swizzle(binsAbove, bin), i8x16.swizzle(binsBelow, i8x16.add(bin, half)))
          const lows = i8x16.swizzle(lowPosition, index)
          const highs = i8x16.swizzle(highPosition, index)
          const p0 = lowBytes(lows, highs)
          const p1 = highBytes(lows, highs)
          const above = i8x16.narrow_i16x8_s(i16x8.gt_s(q0, p0), i16x8.gt_s(q1, p1))
          v128.store(to, i8x16.swizzle(order, i8x16.sub(index, above)))
          if (v128.any_true(v128.or(i16x8.eq(q0, p0), i16x8.eq(q1, p1)))) {
            i32.store(again, <i32>from)
            i32.store(again, <i32>to, 4)
            f32.store(again, inverse, 8)
            again += 12
          }
        }
        if (to == LAST + 16) {
          if (again != before) {
            again = before
            v128.store(LAST, compareCodes(TAIL, f32x4.splat(inverse), table))
          }
          break
        }
        if (rest == 0) break
        padTail(from, rest)
        from = TAIL
        to = LAST
        rest = 16
      }
      if (tail) copyBytes(dst + <usize>(run - tail), LAST, tail)
    }
    p += <usize>run << 2
    dst += run
  }
  for (let record = LARGE; record < again; record += 12) {
    v128.store(i32.load(record, 4), compareCodes(i32.load(record), v128.load32_splat(record + 8), table))
  }
}

export function encodeLevels(p: usize, count: i32, block: i32, first: i32, table: usize, scales: usize, dst: usize): void {
  if (i32.load(table + COUNT) <= 2) encodeFew(p, count, block, first, table, scales, dst)
  else if (f32.load(table + PER_UNIT) != 0) encodeBinned(p, count, block, first, table, scales, dst)
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
    const tail = run & 15
    count -= run
    let to = dst
    let rest = run
    for (;;) {
      for (; rest >= 16; rest -= 16, codes += 16, to += 64) {
        const index = v128.load(codes)
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
      }
      if (rest == 0) break
      to = TAIL
      rest = 16
    }
    if (tail) {
      copyWords(dst + (<usize>(run - tail) << 2), TAIL, tail)
      codes += tail - 16
    }
    dst += <usize>run << 2
  }
}
