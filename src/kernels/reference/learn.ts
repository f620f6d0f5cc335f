import { roundHalfEven } from '../../numbers/rounding.ts'
import type { Arena } from './arena.ts'

const { fround } = Math
const [LOG2E, C5, C4, C3, C2, C1] = [
  1.44269502, 0.00133335581, 0.00961812911, 0.0555041087, 0.240226507, 0.693147182,
].map(fround) as [number, number, number, number, number, number]
const SHIFT = 12582912
const BOUND = 30
const [SPREAD, OFFSET] = [fround(1.2), fround(0.1)]
const [KEEP1, TAKE1, KEEP2, TAKE2, TINY] = [0.9, 0.1, 0.999, 0.001, 1e-8].map(fround) as [
  number,
  number,
  number,
  number,
  number,
]
const single = new Float32Array(1)
const word = new Int32Array(single.buffer)

/** 1 / (1 + e^-v) in f32; |v| beyond 30 counts as 30. */
function sigmoid(v: number): number {
  const x = -Math.min(BOUND, Math.max(-BOUND, v))
  const t = fround(x * LOG2E)
  const shifted = fround(t + SHIFT)
  const r = fround(t - fround(shifted - SHIFT))
  let p = C5
  for (const c of [C4, C3, C2, C1, 1]) p = fround(fround(p * r) + c)
  single[0] = shifted
  const power = word[0]! << 23
  single[0] = p
  word[0] = (word[0]! + power) | 0
  return fround(1 / fround(1 + single[0]!))
}

function spread(s: number): number {
  return fround(fround(s * SPREAD) - OFFSET)
}

export function softWeights(
  { f32 }: Arena,
  v: number,
  base: number,
  scales: number,
  rows: number,
  columns: number,
  least: number,
  most: number,
  out: number,
): void {
  for (let i = 0; i < rows * columns; i++) {
    const h = Math.min(1, Math.max(0, spread(sigmoid(f32[v / 4 + i]!))))
    const code = Math.min(most, Math.max(least, fround(f32[base / 4 + i]! + h)))
    f32[out / 4 + i] = code * f32[scales / 4 + (i % columns)]!
  }
}

export function stepRounding(
  { f32 }: Arena,
  v: number,
  base: number,
  scales: number,
  grad: number,
  first: number,
  second: number,
  rows: number,
  columns: number,
  least: number,
  most: number,
  rate: number,
  rate1: number,
  rate2: number,
  pressure: number,
  power: number,
): void {
  const push = fround(fround(fround(pressure) * fround(power + 1)) * 2)
  const step = fround(fround(rate) * fround(rate1))
  const correct = fround(rate2)
  for (let i = 0; i < rows * columns; i++) {
    const s = sigmoid(f32[v / 4 + i]!)
    const raw = spread(s)
    const h = Math.min(1, Math.max(0, raw))
    const slope = fround(fround(s * SPREAD) * fround(1 - s))
    const code = fround(f32[base / 4 + i]! + h)
    let g = code >= least && code <= most ? fround(f32[grad / 4 + i]! * f32[scales / 4 + (i % columns)]!) : 0
    if (pressure !== 0) {
      const d = fround(fround(h + h) - 1)
      let raised = push
      for (let k = 0; k < power; k++) raised = fround(raised * Math.abs(d))
      g = fround(g - (d < 0 || Object.is(d, -0) ? -raised : raised))
    }
    g = raw > 0 && raw < 1 ? fround(g * slope) : 0
    const m = fround(fround(f32[first / 4 + i]! * KEEP1) + fround(g * TAKE1))
    const w = fround(fround(f32[second / 4 + i]! * KEEP2) + fround(fround(g * g) * TAKE2))
    f32[first / 4 + i] = m
    f32[second / 4 + i] = w
    const change = fround(fround(m * step) / fround(fround(Math.sqrt(fround(w * correct))) + TINY))
    f32[v / 4 + i] = f32[v / 4 + i]! - change
  }
}

export function activateRows(
  { f32 }: Arena,
  src: number,
  bias: number,
  rows: number,
  columns: number,
  low: number,
  high: number,
  scale: number,
  lowCode: number,
  highCode: number,
  out: number,
): void {
  const [least, most, step] = [fround(low), fround(high), fround(scale)]
  for (let i = 0; i < rows * columns; i++) {
    let x = Math.min(most, Math.max(least, fround(f32[src / 4 + i]! + f32[bias / 4 + (i % columns)]!)))
    if (step > 0) x = Math.min(highCode, Math.max(lowCode, roundHalfEven(fround(x / step)))) * step + 0
    f32[out / 4 + i] = x
  }
}

export function passRows(
  { f32 }: Arena,
  src: number,
  bias: number,
  rows: number,
  columns: number,
  low: number,
  high: number,
  grad: number,
  biasGrad: number,
): void {
  const [least, most] = [fround(low), fround(high)]
  for (let i = 0; i < rows * columns; i++) {
    const column = i % columns
    const x = fround(f32[src / 4 + i]! + f32[bias / 4 + column]!)
    if (!(x > least && x < most)) f32[grad / 4 + i] = 0
    f32[biasGrad / 4 + column] = f32[biasGrad / 4 + column]! + f32[grad / 4 + i]!
  }
}

export function addFloats({ f32 }: Arena, a: number, b: number, sign: number, count: number, out: number): void {
  for (let i = 0; i < count; i++) f32[out / 4 + i] = f32[a / 4 + i]! + fround(f32[b / 4 + i]! * sign)
}
