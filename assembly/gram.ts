// Second moments of rows and coordinate descent on codes. Twin: src/kernels/reference/gram.ts.

/** One tile of 4 by 8 sums. */
@inline function crossTile(a: usize, aStep: usize, b: usize, bStep: usize, rows: i32, out: usize, outStep: usize): void {
  const none = f32x4.splat(0)
  let s00 = none
  let s01 = none
  let s10 = none
  let s11 = none
  let s20 = none
  let s21 = none
  let s30 = none
  let s31 = none
  for (; rows > 0; rows--, a += aStep, b += bStep) {
    const b0 = v128.load(b)
    const b1 = v128.load(b, 16)
    const a0 = v128.load32_splat(a)
    s00 = f32x4.add(s00, f32x4.mul(a0, b0))
    s01 = f32x4.add(s01, f32x4.mul(a0, b1))
    const a1 = v128.load32_splat(a, 4)
    s10 = f32x4.add(s10, f32x4.mul(a1, b0))
    s11 = f32x4.add(s11, f32x4.mul(a1, b1))
    const a2 = v128.load32_splat(a, 8)
    s20 = f32x4.add(s20, f32x4.mul(a2, b0))
    s21 = f32x4.add(s21, f32x4.mul(a2, b1))
    const a3 = v128.load32_splat(a, 12)
    s30 = f32x4.add(s30, f32x4.mul(a3, b0))
    s31 = f32x4.add(s31, f32x4.mul(a3, b1))
  }
  v128.store(out, f32x4.add(v128.load(out), s00))
  v128.store(out, f32x4.add(v128.load(out, 16), s01), 16)
  out += outStep
  v128.store(out, f32x4.add(v128.load(out), s10))
  v128.store(out, f32x4.add(v128.load(out, 16), s11), 16)
  out += outStep
  v128.store(out, f32x4.add(v128.load(out), s20))
  v128.store(out, f32x4.add(v128.load(out, 16), s21), 16)
  out += outStep
  v128.store(out, f32x4.add(v128.load(out), s30))
  v128.store(out, f32x4.add(v128.load(out, 16), s31), 16)
}

export function crossRows(a: usize, aStride: usize, b: usize, bStride: usize, rows: i32, aColumns: i32, bColumns: i32, out: usize, outStride: usize): void {
  const aStep = aStride << 2
  const bStep = bStride << 2
  const outStep = outStride << 2
  for (; aColumns > 0; aColumns -= 4, a += 16, out += outStep << 2) {
    let q = b
    let to = out
    for (let left = bColumns; left > 0; left -= 8, q += 32, to += 32) crossTile(a, aStep, q, bStep, rows, to, outStep)
  }
}

/** Largest code that does not overflow beside `code`. */
@inline function highest(code: i32, pairLimit: i32, most: i32): i32 {
  return code > 0 ? min(most, pairLimit - code) : most
}
@inline function lowest(code: i32, pairLimit: i32, most: i32): i32 {
  return code < 0 ? max(-most, -pairLimit - code) : -most
}

/** What a code's move changes in the pulls of its row. */
@inline function takeBack(pull: usize, gram: usize, bytes: usize, moved: f32): void {
  const change = f32x4.splat(moved)
  for (let i: usize = 0; i < bytes; i += 32) {
    v128.store(pull + i, f32x4.sub(v128.load(pull + i), f32x4.mul(v128.load(gram + i), change)))
    v128.store(pull + i, f32x4.sub(v128.load(pull + i, 16), f32x4.mul(v128.load(gram + i, 16), change)), 16)
  }
}

export function descendRow(gram: usize, stride: usize, width: i32, pull: usize, codes: usize, scale: f32, most: i32, beside: usize, pairLimit: i32): i32 {
  const step = stride << 2
  const bytes = (<usize>width << 2)
  let moved = 0
  for (let j: usize = 0; j < <usize>width; j++, gram += step) {
    const own = f32.load(gram + (j << 2)) * scale
    if (!(own > 0)) continue
    const wanted = f32.load(pull + (j << 2)) / own
    if (!(abs(wanted) > 0.5)) continue
    let high = most
    let low = -most
    if (beside) {
      const before = i32.load(beside + (j << 3))
      const after = i32.load(beside + (j << 3), 4)
      if (before >= 0) {
        const code = <i32>i32.load8_s(codes + <usize>before)
        high = highest(code, pairLimit, high)
        low = lowest(code, pairLimit, most)
      }
      if (after >= 0) {
        const code = <i32>i32.load8_s(codes + <usize>after)
        high = min(high, highest(code, pairLimit, most))
        low = max(low, lowest(code, pairLimit, most))
      }
    }
    const code = <i32>i32.load8_s(codes + j)
    const aim = code + <i32>nearest(max<f32>(-256, min<f32>(256, wanted)))
    const next = max(low, min(high, aim))
    if (next == code) continue
    i32.store8(codes + j, next)
    moved++
    takeBack(pull, gram, bytes, <f32>(next - code) * scale)
  }
  return moved
}

export function descendBlocks(gram: usize, stride: usize, width: i32, from: i32, to: i32, pull: usize, codes: usize, scales: usize, block: i32, maxCode: i32): i32 {
  const step = stride << 2
  const bytes = (<usize>width << 2)
  let moved = 0
  let left = block - from % block
  scales += <usize>(from / block) << 2
  gram += step * <usize>from
  for (let j: usize = <usize>from; j < <usize>to; j++, gram += step) {
    const scale = f32.load(scales)
    if (--left == 0) {
      left = block
      scales += 4
    }
    const own = f32.load(gram + (j << 2)) * scale
    if (!(abs(own) > 0)) continue
    const wanted = f32.load(pull + (j << 2)) / own
    if (!(abs(wanted) > 0.5)) continue
    const code = <i32>i32.load8_u(codes + j)
    const aim = code + <i32>nearest(max<f32>(-256, min<f32>(256, wanted)))
    const next = max(0, min(maxCode, aim))
    if (next == code) continue
    i32.store8(codes + j, next)
    moved++
    takeBack(pull, gram, bytes, <f32>(next - code) * scale)
  }
  return moved
}

/** Half way from one level to the next. */
@inline function middle(levels: usize, index: i32): f32 {
  const at = levels + (<usize>index << 2)
  return (f32.load(at) + f32.load(at, 4)) * 0.5
}

export function descendLevels(gram: usize, stride: usize, width: i32, from: i32, to: i32, pull: usize, positions: usize, scales: usize, block: i32, offset: i32, levels: usize, last: i32): i32 {
  const step = stride << 2
  const bytes = (<usize>width << 2)
  let moved = 0
  let left = block - (offset + from) % block
  scales += <usize>((offset + from) / block) << 2
  gram += step * <usize>from
  for (let j: usize = <usize>from; j < <usize>to; j++, gram += step) {
    const scale = f32.load(scales)
    if (--left == 0) {
      left = block
      scales += 4
    }
    const own = f32.load(gram + (j << 2)) * scale
    if (!(abs(own) > 0)) continue
    const position = <i32>i32.load8_u(positions + j)
    const level = f32.load(levels + (<usize>position << 2))
    const aim = level + f32.load(pull + (j << 2)) / own
    let next = position
    while (next < last && aim > middle(levels, next)) next++
    while (next > 0 && aim < middle(levels, next - 1)) next--
    const change = f32.load(levels + (<usize>next << 2)) - level
    if (!(abs(change) > 0)) continue
    i32.store8(positions + j, next)
    moved++
    takeBack(pull, gram, bytes, change * scale)
  }
  return moved
}

/** out[i][j .. j + 3] -= products of one row with four, the even and the odd terms apart. */
@inline function dotTile(a: usize, b: usize, bStep: usize, count: i32, out: usize, outStep: usize, aStep: usize): void {
  const none = f64x2.splat(0)
  let s00 = none
  let s01 = none
  let s02 = none
  let s03 = none
  let s10 = none
  let s11 = none
  let s12 = none
  let s13 = none
  for (; count > 0; count -= 2, a += 16, b += 16) {
    const a0 = v128.load(a)
    const a1 = v128.load(a + aStep)
    let q = b
    const b0 = v128.load(q)
    s00 = f64x2.add(s00, f64x2.mul(a0, b0))
    s10 = f64x2.add(s10, f64x2.mul(a1, b0))
    q += bStep
    const b1 = v128.load(q)
    s01 = f64x2.add(s01, f64x2.mul(a0, b1))
    s11 = f64x2.add(s11, f64x2.mul(a1, b1))
    q += bStep
    const b2 = v128.load(q)
    s02 = f64x2.add(s02, f64x2.mul(a0, b2))
    s12 = f64x2.add(s12, f64x2.mul(a1, b2))
    q += bStep
    const b3 = v128.load(q)
    s03 = f64x2.add(s03, f64x2.mul(a0, b3))
    s13 = f64x2.add(s13, f64x2.mul(a1, b3))
  }
  takeSum(out, s00)
  takeSum(out + 8, s01)
  takeSum(out + 16, s02)
  takeSum(out + 24, s03)
  out += outStep
  takeSum(out, s10)
  takeSum(out + 8, s11)
  takeSum(out + 16, s12)
  takeSum(out + 24, s13)
}

@inline function takeSum(at: usize, sums: v128): void {
  f64.store(at, f64.load(at) - (f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1)))
}

export function subtractDots(a: usize, aStride: usize, b: usize, bStride: usize, count: i32, aRows: i32, bRows: i32, out: usize, outStride: usize): void {
  const aStep = aStride << 3
  const bStep = bStride << 3
  const outStep = outStride << 3
  for (; aRows > 0; aRows -= 2, a += aStep << 1, out += outStep << 1) {
    let q = b
    let to = out
    for (let left = bRows; left > 0; left -= 4, q += bStep << 2, to += 32) dotTile(a, q, bStep, count, to, outStep, aStep)
  }
}
