import type { Arena } from './arena.ts'

const { fround } = Math

export function multiplyRows(
  { f32 }: Arena,
  a: number,
  aRow: number,
  aStep: number,
  b: number,
  bStride: number,
  out: number,
  outStride: number,
  rows: number,
  depth: number,
  columns: number,
  add: 0 | 1,
): void {
  for (let r = 0; r < rows; r++) {
    for (let n = 0; n < columns; n++) {
      const to = out / 4 + r * outStride + n
      let sum = add ? f32[to]! : 0
      let at = a / 4 + r * aRow
      let with_ = b / 4 + n
      for (let d = 0; d < depth; d++, at += aStep, with_ += bStride) sum = fround(sum + fround(f32[at]! * f32[with_]!))
      f32[to] = sum
    }
  }
}

export function transposeFloats(
  { f32 }: Arena,
  src: number,
  srcStride: number,
  rows: number,
  columns: number,
  out: number,
  outStride: number,
): void {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) f32[out / 4 + c * outStride + r] = f32[src / 4 + r * srcStride + c]!
  }
}

export function unfoldMap(
  { f32 }: Arena,
  map: number,
  width: number,
  mapStride: number,
  channels: number,
  kernelHeight: number,
  kernelWidth: number,
  strideY: number,
  strideX: number,
  stepY: number,
  stepX: number,
  outHeight: number,
  outWidth: number,
  patches: number,
  add: 0 | 1,
): void {
  let patch = patches / 4
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      for (let ky = 0; ky < kernelHeight; ky++) {
        for (let kx = 0; kx < kernelWidth; kx++, patch += channels) {
          const at = map / 4 + ((y * strideY + ky * stepY) * width + x * strideX + kx * stepX) * mapStride
          for (let i = 0; i < channels; i++) {
            if (add) f32[at + i] = f32[at + i]! + f32[patch + i]!
            else f32[patch + i] = f32[at + i]!
          }
        }
      }
    }
  }
}

export function convolveChannels(
  { f32 }: Arena,
  mode: 0 | 1 | 2,
  map: number,
  width: number,
  channels: number,
  kernelHeight: number,
  kernelWidth: number,
  strideY: number,
  strideX: number,
  stepY: number,
  stepX: number,
  outHeight: number,
  outWidth: number,
  weights: number,
  out: number,
): void {
  let to = out / 4
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++, to += channels) {
      for (let i = 0; i < channels; i++) {
        let sum = 0
        const grad = f32[to + i]!
        let weight = weights / 4 + i
        for (let ky = 0; ky < kernelHeight; ky++) {
          for (let kx = 0; kx < kernelWidth; kx++, weight += channels) {
            const at = map / 4 + ((y * strideY + ky * stepY) * width + x * strideX + kx * stepX) * channels + i
            if (mode === 0) sum = fround(sum + fround(f32[at]! * f32[weight]!))
            else if (mode === 1) f32[at] = f32[at]! + fround(f32[weight]! * grad)
            else f32[weight] = f32[weight]! + fround(f32[at]! * grad)
          }
        }
        if (mode === 0) f32[to + i] = sum
      }
    }
  }
}
