// Grids of blocks in rows and of columns. Twin: src/kernels/reference/fit.ts.
// min and max keep the first of equals and drop NaN: pmin(acc, x) is x < acc ? x : acc.
import { EDGE, EDGE_ROWS, GRID, LARGE, RANGE, SLOTS, TAIL, copyWords, least, padEdge, padTail } from './memory'
import { SEARCH_SYMMETRIC, nearestScale, nearestZero } from './scale'
import { planFor, search } from './search'

/** Longest block that is searched beside three others; longer ones fill all lanes themselves. */
const LONGEST_LANE: i32 = 1024

/** Range of `count` consecutive floats, zero included, as two vectors whose lanes are still to be folded. */
@inline export function rangeOfRun(p: usize, count: i32, slot: usize): void {
  let min = f32x4.splat(0)
  let max = f32x4.splat(0)
  let min2 = min
  let max2 = max
  for (; count >= 16; count -= 16, p += 64) {
    const a = v128.load(p)
    const b = v128.load(p, 16)
    const c = v128.load(p, 32)
    const d = v128.load(p, 48)
    min = f32x4.pmin(f32x4.pmin(min, a), b)
    max = f32x4.pmax(f32x4.pmax(max, a), b)
    min2 = f32x4.pmin(f32x4.pmin(min2, c), d)
    max2 = f32x4.pmax(f32x4.pmax(max2, c), d)
  }
  min = f32x4.pmin(min, min2)
  max = f32x4.pmax(max, max2)
  for (; count > 0; count--, p += 4) {
    const x = v128.load32_splat(p)
    min = f32x4.pmin(min, x)
    max = f32x4.pmax(max, x)
  }
  v128.store(slot, min)
  v128.store(slot, max, 64)
}

/** Four ranges of four lanes each, at `slots`, to one vector with a range per lane. */
@inline export function foldSlots(slots: usize, isMin: bool): v128 {
  const a = v128.load(slots)
  const b = v128.load(slots, 16)
  const c = v128.load(slots, 32)
  const d = v128.load(slots, 48)
  const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5)
  const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
  const cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5)
  const cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  const ab = isMin ? f32x4.pmin(ab0, ab1) : f32x4.pmax(ab0, ab1)
  const cd = isMin ? f32x4.pmin(cd0, cd1) : f32x4.pmax(cd0, cd1)
  const x = v128.shuffle<i64>(ab, cd, 0, 2)
  const y = v128.shuffle<i64>(ab, cd, 1, 3)
  return isMin ? f32x4.pmin(x, y) : f32x4.pmax(x, y)
}

/** Writes the first `count` lanes. */
function storeGrids(scale: v128, zero: v128, count: i32, scales: usize, scaleStep: usize, zeros: usize, zeroStep: usize): void {
  if (count == 4 && scaleStep == 4) {
    v128.store(scales, scale)
    if (!zeros) return
  }
  v128.store(GRID, scale)
  v128.store(GRID, zero, 16)
  for (let i: usize = 0; i < <usize>count; i++) {
    f32.store(scales + i * scaleStep, f32.load(GRID + (i << 2)))
    if (zeros) i32.store8(zeros + i * zeroStep, <i32>f32.load(GRID + 16 + (i << 2)))
  }
}

function finishBlocks(count: i32, block: i32, mode: i32, maxCode: i32, halfScales: i32, scales: usize, zeros: usize): void {
  if (mode >= SEARCH_SYMMETRIC) {
    search(LARGE, block, 0, 0, mode, planFor(maxCode, block), maxCode, halfScales)
    storeGrids(v128.load(GRID), v128.load(GRID, 16), count, scales, 4, zeros, 1)
    return
  }
  const min = foldSlots(SLOTS, true)
  const max = foldSlots(SLOTS + 64, false)
  const scale = nearestScale(min, max, mode, maxCode, halfScales)
  storeGrids(scale, nearestZero(min, scale, mode, maxCode), count, scales, 4, zeros, 1)
}

/** Copies four consecutive blocks to LARGE, element i of each side by side. */
function turnBlocks(p: usize, block: i32): void {
  const step = <usize>block << 2
  for (let i: usize = 0, to = LARGE; i < step; i += 16, to += 64) {
    const a = v128.load(p + i)
    const b = v128.load(p + i + step)
    const c = v128.load(p + i + step * 2)
    const d = v128.load(p + i + step * 3)
    const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5)
    const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
    const cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5)
    const cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
    v128.store(to, v128.shuffle<i64>(ab0, cd0, 0, 2))
    v128.store(to, v128.shuffle<i64>(ab0, cd0, 1, 3), 16)
    v128.store(to, v128.shuffle<i64>(ab1, cd1, 0, 2), 32)
    v128.store(to, v128.shuffle<i64>(ab1, cd1, 1, 3), 48)
  }
}

export function fitRows(src: usize, stride: usize, rows: i32, columns: i32, block: i32, mode: i32, maxCode: i32, halfScales: i32, scales: usize, zeros: usize): void {
  const searching = mode >= SEARCH_SYMMETRIC
  let filled = 0
  for (let row = 0; row < rows; row++, src += stride << 2) {
    let p = src
    for (let left = columns; left > 0; left -= block, p += <usize>block << 2) {
      const count = least(block, left)
      if (searching && block > LONGEST_LANE) {
        const tail = count & 3
        if (tail) padTail(p + (<usize>(count - tail) << 2), tail)
        search(p, count >> 2, tail ? 1 : 0, 1, mode, planFor(maxCode, block), maxCode, halfScales)
        storeGrids(v128.load(GRID), v128.load(GRID, 16), 1, scales, 4, zeros, 1)
        scales += 4
        if (zeros) zeros++
        continue
      }
      if (searching) {
        // Four whole blocks of this row, side by side at once.
        if (filled == 0 && left >= block * 4 && (block & 3) == 0) {
          turnBlocks(p, block)
          finishBlocks(4, block, mode, maxCode, halfScales, scales, zeros)
          left -= block * 3
          p += <usize>block * 12
          scales += 16
          if (zeros) zeros += 4
          continue
        }
        let to = LARGE + (<usize>filled << 2)
        for (let i: usize = 0; i < <usize>count; i++, to += 16) f32.store(to, f32.load(p + (i << 2)))
        for (let i = count; i < block; i++, to += 16) f32.store(to, 0)
      } else rangeOfRun(p, count, SLOTS + (<usize>filled << 4))
      if (++filled == 4) {
        finishBlocks(4, block, mode, maxCode, halfScales, scales, zeros)
        filled = 0
        scales += 16
        if (zeros) zeros += 4
      }
    }
  }
  if (filled) finishBlocks(filled, block, mode, maxCode, halfScales, scales, zeros)
}

/** Widens the ranges of 16 columns at `mins` and `maxs` by `rows` rows. */
@inline function foldGroup(p: usize, step: usize, rows: i32, mins: usize, maxs: usize): void {
  let min0 = v128.load(mins)
  let min1 = v128.load(mins, 16)
  let min2 = v128.load(mins, 32)
  let min3 = v128.load(mins, 48)
  let max0 = v128.load(maxs)
  let max1 = v128.load(maxs, 16)
  let max2 = v128.load(maxs, 32)
  let max3 = v128.load(maxs, 48)
  for (; rows > 0; rows--, p += step) {
    const a = v128.load(p)
    const b = v128.load(p, 16)
    const c = v128.load(p, 32)
    const d = v128.load(p, 48)
    min0 = f32x4.pmin(min0, a)
    max0 = f32x4.pmax(max0, a)
    min1 = f32x4.pmin(min1, b)
    max1 = f32x4.pmax(max1, b)
    min2 = f32x4.pmin(min2, c)
    max2 = f32x4.pmax(max2, c)
    min3 = f32x4.pmin(min3, d)
    max3 = f32x4.pmax(max3, d)
  }
  v128.store(mins, min0)
  v128.store(mins, min1, 16)
  v128.store(mins, min2, 32)
  v128.store(mins, min3, 48)
  v128.store(maxs, max0)
  v128.store(maxs, max1, 16)
  v128.store(maxs, max2, 32)
  v128.store(maxs, max3, 48)
}

/** Rows visited before the next 16 columns are: keeps the pages in use few. */
const FOLD_ROWS: i32 = 32

export function foldColumns(src: usize, stride: usize, rows: i32, columns: i32, min: usize, max: usize): void {
  const step = stride << 2
  for (let row = 0; row < rows; row += FOLD_ROWS, src += step * <usize>FOLD_ROWS) {
    const count = least(FOLD_ROWS, rows - row)
    let column = 0
    for (; column + 16 <= columns; column += 16) {
      const at = <usize>column << 2
      foldGroup(src + at, step, count, min + at, max + at)
    }
    for (; column < columns; column++) {
      const at = <usize>column << 2
      let p = src + at
      for (let i = 0; i < count; i++, p += step) {
        const x = f32.load(p)
        if (x < f32.load(min + at)) f32.store(min + at, x)
        if (x > f32.load(max + at)) f32.store(max + at, x)
      }
    }
  }
}

function nearestGroup(p: usize, step: usize, rows: i32, width: i32, mode: i32, maxCode: i32, halfScales: i32, scales: usize, scaleStep: usize, zeros: usize, zeroStep: usize): void {
  const none = f32x4.splat(0)
  for (let at = RANGE; at < RANGE + 128; at += 16) v128.store(at, none)
  if (width == 16) foldGroup(p, step, rows, RANGE, RANGE + 64)
  else {
    for (let row = 0; row < rows; row += EDGE_ROWS, p += step * <usize>EDGE_ROWS) {
      const count = least(EDGE_ROWS, rows - row)
      padEdge(p, step, count, width)
      foldGroup(EDGE, 64, count, RANGE, RANGE + 64)
    }
  }
  for (let lane = 0, at = RANGE; lane < width; lane += 4, at += 16) {
    const min = v128.load(at)
    const scale = nearestScale(min, v128.load(at, 64), mode, maxCode, halfScales)
    const zero = nearestZero(min, scale, mode, maxCode)
    storeGrids(scale, zero, least(4, width - lane), scales, scaleStep, zeros, zeroStep)
    scales += scaleStep << 2
    if (zeros) zeros += zeroStep << 2
  }
}

/** Four columns at a time, copied side by side: strides that are powers of two would evict each other at every candidate. */
function searchGroup(p: usize, step: usize, rows: i32, width: i32, mode: i32, maxCode: i32, halfScales: i32, scales: usize, scaleStep: usize, zeros: usize, zeroStep: usize): void {
  const area = <usize>rows << 4
  let to = LARGE
  if (width == 16) {
    for (let row = 0; row < rows; row++, p += step, to += 16) {
      v128.store(to, v128.load(p))
      v128.store(to + area, v128.load(p, 16))
      v128.store(to + area * 2, v128.load(p, 32))
      v128.store(to + area * 3, v128.load(p, 48))
    }
  } else {
    for (let row = 0; row < rows; row++, p += step, to += 16) {
      padTail(p, width)
      v128.store(to, v128.load(TAIL))
      v128.store(to + area, v128.load(TAIL, 16))
      v128.store(to + area * 2, v128.load(TAIL, 32))
      v128.store(to + area * 3, v128.load(TAIL, 48))
    }
  }
  for (let lane = 0, from = LARGE; lane < width; lane += 4, from += area) {
    search(from, rows, 0, 0, mode, planFor(maxCode, rows), maxCode, halfScales)
    storeGrids(v128.load(GRID), v128.load(GRID, 16), least(4, width - lane), scales, scaleStep, zeros, zeroStep)
    scales += scaleStep << 2
    if (zeros) zeros += zeroStep << 2
  }
}

export function fitColumns(src: usize, stride: usize, rows: i32, columns: i32, mode: i32, maxCode: i32, halfScales: i32, scales: usize, scaleStride: usize, zeros: usize, zeroStride: usize): void {
  const step = stride << 2
  const scaleStep = scaleStride << 2
  for (let column = 0; column < columns; column += 16, src += 64) {
    const width = least(16, columns - column)
    if (mode >= SEARCH_SYMMETRIC) searchGroup(src, step, rows, width, mode, maxCode, halfScales, scales, scaleStep, zeros, zeroStride)
    else nearestGroup(src, step, rows, width, mode, maxCode, halfScales, scales, scaleStep, zeros, zeroStride)
    scales += scaleStep << 4
    if (zeros) zeros += zeroStride << 4
  }
}
