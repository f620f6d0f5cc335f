// Sums of neighbours of one sign, down columns. Twin: src/kernels/reference/pairs.ts.
import { least } from './memory'

/** Rows visited before the next 16 columns are: keeps the pages in use few. */
const FOLD_ROWS: i32 = 32

/** |a + b|, 0 where the signs differ: `apart` has all bits of a lane where one of them is negative and the other is not. */
@inline function sumOf(a: v128, b: v128, apart: v128): v128 {
  return v128.andnot(f32x4.abs(f32x4.add(a, b)), apart)
}

/** 16 columns; the rows' last one goes to `last`. */
@inline function foldGroup(p: usize, step: usize, rows: i32, last: usize, most: usize): void {
  const none = f32x4.splat(0)
  let a0 = v128.load(last)
  let a1 = v128.load(last, 16)
  let a2 = v128.load(last, 32)
  let a3 = v128.load(last, 48)
  let m0 = v128.load(most)
  let m1 = v128.load(most, 16)
  let m2 = v128.load(most, 32)
  let m3 = v128.load(most, 48)
  let n0 = f32x4.lt(a0, none)
  let n1 = f32x4.lt(a1, none)
  let n2 = f32x4.lt(a2, none)
  let n3 = f32x4.lt(a3, none)
  for (; rows > 0; rows--, p += step) {
    const b0 = v128.load(p)
    const b1 = v128.load(p, 16)
    const b2 = v128.load(p, 32)
    const b3 = v128.load(p, 48)
    const l0 = f32x4.lt(b0, none)
    const l1 = f32x4.lt(b1, none)
    const l2 = f32x4.lt(b2, none)
    const l3 = f32x4.lt(b3, none)
    m0 = f32x4.pmax(m0, sumOf(a0, b0, v128.xor(n0, l0)))
    m1 = f32x4.pmax(m1, sumOf(a1, b1, v128.xor(n1, l1)))
    m2 = f32x4.pmax(m2, sumOf(a2, b2, v128.xor(n2, l2)))
    m3 = f32x4.pmax(m3, sumOf(a3, b3, v128.xor(n3, l3)))
    a0 = b0
    a1 = b1
    a2 = b2
    a3 = b3
    n0 = l0
    n1 = l1
    n2 = l2
    n3 = l3
  }
  v128.store(last, a0)
  v128.store(last, a1, 16)
  v128.store(last, a2, 32)
  v128.store(last, a3, 48)
  v128.store(most, m0)
  v128.store(most, m1, 16)
  v128.store(most, m2, 32)
  v128.store(most, m3, 48)
}

export function foldPairs(src: usize, stride: usize, rows: i32, columns: i32, last: usize, most: usize): void {
  const step = stride << 2
  for (let row = 0; row < rows; row += FOLD_ROWS, src += step * <usize>FOLD_ROWS) {
    const count = least(FOLD_ROWS, rows - row)
    let column = 0
    for (; column + 16 <= columns; column += 16) {
      const at = <usize>column << 2
      foldGroup(src + at, step, count, last + at, most + at)
    }
    for (; column < columns; column++) {
      const at = <usize>column << 2
      let p = src + at
      let a = f32.load(last + at)
      let best = f32.load(most + at)
      for (let i = 0; i < count; i++, p += step) {
        const b = f32.load(p)
        if (a < 0 == b < 0) {
          const sum = abs(a + b)
          if (sum > best) best = sum
        }
        a = b
      }
      f32.store(last + at, a)
      f32.store(most + at, best)
    }
  }
}
