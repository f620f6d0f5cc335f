// What is learned by learned rounding, and activations. Twin: src/kernels/reference/learn.ts.
import { pin } from './memory'

/** log2(e); coefficients of 2^r for |r| <= 1/2; 1.5 * 2^23; bound of v; ends of the rectified sigmoid; zeros. */
const CONSTANTS: usize = memory.data<f32>([1.44269502, 0.00133335581, 0.00961812911, 0.0555041087, 0.240226507, 0.693147182, 1, 12582912, 30, 1.2, 0.1, 0, -0.0], 16)

@inline function constant(index: usize): v128 { return v128.load32_splat(CONSTANTS + (index << 2)) }

/** 1 / (1 + e^-v); |v| beyond 30 counts as 30. */
@inline function sigmoid(v: v128): v128 {
  const bound = constant(8)
  const x = f32x4.neg(f32x4.min(bound, f32x4.max(f32x4.neg(bound), v)))
  const t = f32x4.mul(x, constant(0))
  const shifted = f32x4.add(t, constant(7))
  const r = f32x4.sub(t, f32x4.sub(shifted, constant(7)))
  let p = constant(1)
  p = f32x4.add(f32x4.mul(p, r), constant(2))
  p = f32x4.add(f32x4.mul(p, r), constant(3))
  p = f32x4.add(f32x4.mul(p, r), constant(4))
  p = f32x4.add(f32x4.mul(p, r), constant(5))
  p = f32x4.add(f32x4.mul(p, r), constant(6))
  // The low bits of `shifted` are the power of two.
  const power = i32x4.shl(shifted, 23)
  return f32x4.div(constant(6), f32x4.add(constant(6), i32x4.add(p, power)))
}

@inline function rectified(s: v128): v128 {
  const h = f32x4.sub(f32x4.mul(s, constant(9)), constant(10))
  return f32x4.min(constant(6), f32x4.max(constant(11), h))
}

export function softWeights(v: usize, base: usize, scales: usize, rows: i32, columns: i32, least: f32, most: f32, out: usize): void {
  const end = <usize>columns << 2
  const low = pin(f32x4.splat(least), 0)
  const high = pin(f32x4.splat(most), 1)
  for (; rows > 0; rows--) {
    for (let i: usize = 0; i < end; i += 16, v += 16, base += 16, out += 16) {
      const code = f32x4.add(v128.load(base), rectified(sigmoid(v128.load(v))))
      const inside = f32x4.min(high, f32x4.max(low, code))
      v128.store(out, f32x4.mul(inside, v128.load(scales + i)))
    }
  }
}

export function stepRounding(v: usize, base: usize, scales: usize, grad: usize, first: usize, second: usize, rows: i32, columns: i32, least: f32, most: f32, rate: f32, rate1: f32, rate2: f32, pressure: f32, power: i32): void {
  const end = <usize>columns << 2
  const low = pin(f32x4.splat(least), 0)
  const high = pin(f32x4.splat(most), 1)
  const one = constant(6)
  const none = pin(f32x4.splat(0), 2)
  const keep1 = pin(f32x4.splat(0.9), 3)
  const take1 = pin(f32x4.splat(0.1), 4)
  const keep2 = pin(f32x4.splat(0.999), 5)
  const take2 = pin(f32x4.splat(0.001), 6)
  const tiny = pin(f32x4.splat(1e-8), 7)
  const push = pin(f32x4.splat(pressure * <f32>(power + 1) * 2), 8)
  const step = pin(f32x4.splat(rate * rate1), 9)
  const correct = pin(f32x4.splat(rate2), 10)
  for (; rows > 0; rows--) {
    for (let i: usize = 0; i < end; i += 16, v += 16, base += 16, grad += 16, first += 16, second += 16) {
      const now = v128.load(v)
      const s = sigmoid(now)
      const raw = f32x4.sub(f32x4.mul(s, constant(9)), constant(10))
      const h = f32x4.min(one, f32x4.max(none, raw))
      const slope = f32x4.mul(f32x4.mul(s, constant(9)), f32x4.sub(one, s))
      const code = f32x4.add(v128.load(base), h)
      const free = v128.and(f32x4.ge(code, low), f32x4.le(code, high))
      let g = v128.and(f32x4.mul(v128.load(grad), v128.load(scales + i)), free)
      if (pressure != 0) {
        const d = f32x4.sub(f32x4.add(h, h), one)
        const size = f32x4.abs(d)
        let raised = push
        for (let k = 0; k < power; k++) raised = f32x4.mul(raised, size)
        g = f32x4.sub(g, v128.or(raised, v128.and(d, constant(12))))
      }
      const active = v128.and(f32x4.gt(raw, none), f32x4.lt(raw, one))
      g = v128.and(f32x4.mul(g, slope), active)
      const m = f32x4.add(f32x4.mul(v128.load(first), keep1), f32x4.mul(g, take1))
      const w = f32x4.add(f32x4.mul(v128.load(second), keep2), f32x4.mul(f32x4.mul(g, g), take2))
      v128.store(first, m)
      v128.store(second, w)
      const change = f32x4.div(f32x4.mul(m, step), f32x4.add(f32x4.sqrt(f32x4.mul(w, correct)), tiny))
      v128.store(v, f32x4.sub(now, change))
    }
  }
}

export function activateRows(src: usize, bias: usize, rows: i32, columns: i32, low: f32, high: f32, scale: f32, lowCode: f32, highCode: f32, out: usize): void {
  const end = <usize>columns << 2
  const least = pin(f32x4.splat(low), 0)
  const most = pin(f32x4.splat(high), 1)
  const step = pin(f32x4.splat(scale), 2)
  const first = pin(f32x4.splat(lowCode), 3)
  const last = pin(f32x4.splat(highCode), 4)
  for (; rows > 0; rows--) {
    for (let i: usize = 0; i < end; i += 16, src += 16, out += 16) {
      let x = f32x4.min(most, f32x4.max(least, f32x4.add(v128.load(src), v128.load(bias + i))))
      // + 0: no negative zero, as the twin has none.
      if (scale > 0) x = f32x4.add(f32x4.mul(f32x4.min(last, f32x4.max(first, f32x4.nearest(f32x4.div(x, step)))), step), constant(11))
      v128.store(out, x)
    }
  }
}

export function passRows(src: usize, bias: usize, rows: i32, columns: i32, low: f32, high: f32, grad: usize, biasGrad: usize): void {
  const end = <usize>columns << 2
  const least = pin(f32x4.splat(low), 0)
  const most = pin(f32x4.splat(high), 1)
  for (; rows > 0; rows--) {
    for (let i: usize = 0; i < end; i += 16, src += 16, grad += 16) {
      const x = f32x4.add(v128.load(src), v128.load(bias + i))
      const inside = v128.and(f32x4.gt(x, least), f32x4.lt(x, most))
      const g = v128.and(v128.load(grad), inside)
      v128.store(grad, g)
      v128.store(biasGrad + i, f32x4.add(v128.load(biasGrad + i), g))
    }
  }
}

export function addFloats(a: usize, b: usize, sign: f32, count: i32, out: usize): void {
  const factor = pin(f32x4.splat(sign), 0)
  for (; count > 0; count -= 4, a += 16, b += 16, out += 16) {
    v128.store(out, f32x4.add(v128.load(a), f32x4.mul(v128.load(b), factor)))
  }
}
