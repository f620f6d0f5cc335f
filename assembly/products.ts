// Products of f32 matrices, patches of maps. Twin: src/kernels/reference/products.ts.


/** Four rows by eight columns. */
function tile8(a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, depth: i32, out: usize, outStep: usize, add: i32): void {
  let s00 = f32x4.splat(0)
  let s01 = s00
  let s10 = s00
  let s11 = s00
  let s20 = s00
  let s21 = s00
  let s30 = s00
  let s31 = s00
  const out1 = out + outStep
  const out2 = out1 + outStep
  const out3 = out2 + outStep
  if (add) {
    s00 = v128.load(out)
    s01 = v128.load(out, 16)
    s10 = v128.load(out1)
    s11 = v128.load(out1, 16)
    s20 = v128.load(out2)
    s21 = v128.load(out2, 16)
    s30 = v128.load(out3)
    s31 = v128.load(out3, 16)
  }
  let a1 = a + aRow
  let a2 = a1 + aRow
  let a3 = a2 + aRow
  for (; depth > 0; depth--) {
    const b0 = v128.load(b)
    const b1 = v128.load(b, 16)
    const x0 = v128.load32_splat(a)
    s00 = f32x4.add(s00, f32x4.mul(x0, b0))
    s01 = f32x4.add(s01, f32x4.mul(x0, b1))
    const x1 = v128.load32_splat(a1)
    s10 = f32x4.add(s10, f32x4.mul(x1, b0))
    s11 = f32x4.add(s11, f32x4.mul(x1, b1))
    const x2 = v128.load32_splat(a2)
    s20 = f32x4.add(s20, f32x4.mul(x2, b0))
    s21 = f32x4.add(s21, f32x4.mul(x2, b1))
    const x3 = v128.load32_splat(a3)
    s30 = f32x4.add(s30, f32x4.mul(x3, b0))
    s31 = f32x4.add(s31, f32x4.mul(x3, b1))
    a += aStep
    a1 += aStep
    a2 += aStep
    a3 += aStep
    b += bStep
  }
  v128.store(out, s00)
  v128.store(out, s01, 16)
  v128.store(out1, s10)
  v128.store(out1, s11, 16)
  v128.store(out2, s20)
  v128.store(out2, s21, 16)
  v128.store(out3, s30)
  v128.store(out3, s31, 16)
}

/** One row by four columns. */
function tile1(a: usize, aStep: usize, b: usize, bStep: usize, depth: i32, out: usize, add: i32): void {
  let sum = f32x4.splat(0)
  if (add) sum = v128.load(out)
  for (; depth > 0; depth--, a += aStep, b += bStep) sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(a), v128.load(b)))
  v128.store(out, sum)
}

export function multiplyRows(a: usize, aRow: usize, aStep: usize, b: usize, bStride: usize, out: usize, outStride: usize, rows: i32, depth: i32, columns: i32, add: i32): void {
  const rowBytes = aRow << 2
  const stepBytes = aStep << 2
  const bStep = bStride << 2
  const outStep = outStride << 2
  for (let left = columns; left > 0; left -= 8, b += 32, out += 32) {
    let p = a
    let to = out
    let row = rows
    if (left >= 8) {
      for (; row >= 4; row -= 4, p += rowBytes << 2, to += outStep << 2) tile8(p, rowBytes, stepBytes, b, bStep, depth, to, outStep, add)
    }
    for (; row > 0; row--, p += rowBytes, to += outStep) {
      tile1(p, stepBytes, b, bStep, depth, to, add)
      if (left >= 8) tile1(p, stepBytes, b + 16, bStep, depth, to + 16, add)
    }
  }
}

export function transposeFloats(src: usize, srcStride: usize, rows: i32, columns: i32, out: usize, outStride: usize): void {
  const step = srcStride << 2
  const outStep = outStride << 2
  for (; rows > 0; rows -= 4, src += step << 2, out += 16) {
    let p = src
    let to = out
    for (let left = columns; left > 0; left -= 4, p += 16, to += outStep << 2) {
      const a = v128.load(p)
      const b = v128.load(p + step)
      const c = v128.load(p + step * 2)
      const d = v128.load(p + step * 3)
      const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5)
      const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
      const cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5)
      const cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
      v128.store(to, v128.shuffle<i64>(ab0, cd0, 0, 2))
      v128.store(to + outStep, v128.shuffle<i64>(ab0, cd0, 1, 3))
      v128.store(to + outStep * 2, v128.shuffle<i64>(ab1, cd1, 0, 2))
      v128.store(to + outStep * 3, v128.shuffle<i64>(ab1, cd1, 1, 3))
    }
  }
}

export function unfoldMap(map: usize, width: usize, mapStride: usize, channels: i32, kernelHeight: i32, kernelWidth: i32, strideY: usize, strideX: usize, stepY: usize, stepX: usize, outHeight: i32, outWidth: i32, patches: usize, add: i32): void {
  const pixel = mapStride << 2
  const line = width * pixel
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const corner = map + (<usize>y * strideY * width + <usize>x * strideX) * pixel
      for (let ky = 0; ky < kernelHeight; ky++) {
        let p = corner + <usize>ky * stepY * line
        for (let kx = 0; kx < kernelWidth; kx++, p += stepX * pixel) {
          const end = <usize>channels << 2
          if (add) for (let i: usize = 0; i < end; i += 16) v128.store(p + i, f32x4.add(v128.load(p + i), v128.load(patches + i)))
          else for (let i: usize = 0; i < end; i += 16) v128.store(patches + i, v128.load(p + i))
          patches += end
        }
      }
    }
  }
}

export function convolveChannels(mode: i32, map: usize, width: usize, channels: i32, kernelHeight: i32, kernelWidth: i32, strideY: usize, strideX: usize, stepY: usize, stepX: usize, outHeight: i32, outWidth: i32, weights: usize, out: usize): void {
  const pixel = <usize>channels << 2
  const line = width * pixel
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++, out += pixel) {
      const corner = map + (<usize>y * strideY * width + <usize>x * strideX) * pixel
      for (let i: usize = 0; i < pixel; i += 16) {
        let sum = f32x4.splat(0)
        let w = weights + i
        const g = v128.load(out + i)
        for (let ky = 0; ky < kernelHeight; ky++) {
          let p = corner + <usize>ky * stepY * line + i
          for (let kx = 0; kx < kernelWidth; kx++, p += stepX * pixel, w += pixel) {
            if (mode == 0) sum = f32x4.add(sum, f32x4.mul(v128.load(p), v128.load(w)))
            else if (mode == 1) v128.store(p, f32x4.add(v128.load(p), f32x4.mul(v128.load(w), g)))
            else v128.store(w, f32x4.add(v128.load(w), f32x4.mul(v128.load(p), g)))
          }
        }
        if (mode == 0) v128.store(out + i, sum)
      }
    }
  }
}
