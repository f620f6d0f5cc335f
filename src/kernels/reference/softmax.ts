import type { Arena } from './arena.ts'

const { fround } = Math
const [LOG2E, C5, C4, C3, C2, C1] = [
  1.44269502, 0.00133335581, 0.00961812911, 0.0555041087, 0.240226507, 0.693147182,
].map(fround) as [number, number, number, number, number, number]
const SHIFT = 12582912
const single = new Float32Array(1)
const word = new Int32Array(single.buffer)

/** e^x in f32 for x <= 0; 0 below -87. */
function exponential(x: number): number {
  if (!(x >= -87)) return 0
  const t = fround(x * LOG2E)
  const shifted = fround(t + SHIFT)
  const r = fround(t - fround(shifted - SHIFT))
  let p = C5
  for (const c of [C4, C3, C2, C1, 1]) p = fround(fround(p * r) + c)
  single[0] = shifted
  const power = word[0]! << 23
  single[0] = p
  word[0] = (word[0]! + power) | 0
  return single[0]!
}

/** The sum of `of(0)` to `of(count - 1)` in four lanes, then of what fills no lanes. */
function laneSum(count: number, of: (index: number) => number): number {
  const even = count - (count % 4)
  const lanes = [0, 0, 0, 0]
  for (let i = 0; i < even; i++) lanes[i % 4] = fround(lanes[i % 4]! + of(i))
  let sum = fround(fround(lanes[0]! + lanes[1]!) + fround(lanes[2]! + lanes[3]!))
  for (let i = even; i < count; i++) sum = fround(sum + of(i))
  return sum
}

export function softmaxRows({ f32 }: Arena, src: number, rows: number, columns: number, out: number): void {
  for (let row = 0; row < rows; row++) {
    const [from, to] = [src / 4 + row * columns, out / 4 + row * columns]
    let most = -Infinity
    for (let i = 0; i < columns; i++) most = Math.max(most, f32[from + i]!)
    const sum = laneSum(columns, (i) => {
      const e = exponential(fround(f32[from + i]! - most))
      f32[to + i] = e
      return e
    })
    const factor = fround(1 / sum)
    for (let i = 0; i < columns; i++) f32[to + i]! *= factor
  }
}

export function softmaxGradRows(
  { f32 }: Arena,
  shares: number,
  grad: number,
  rows: number,
  columns: number,
  to: number,
): void {
  for (let row = 0; row < rows; row++) {
    const at = row * columns
    const [s, g, t] = [shares / 4 + at, grad / 4 + at, to / 4 + at]
    const mean = laneSum(columns, (i) => fround(f32[s + i]! * f32[g + i]!))
    for (let i = 0; i < columns; i++) f32[t + i]! += fround(f32[s + i]! * fround(f32[g + i]! - mean))
  }
}

export function combineFloats(
  { f32 }: Arena,
  kind: 0 | 1 | 2,
  a: number,
  aStep: 0 | 1,
  b: number,
  bStep: 0 | 1,
  count: number,
  out: number,
  add: 0 | 1,
): void {
  for (let i = 0; i < count; i++) {
    const [x, y] = [f32[a / 4 + i * aStep]!, f32[b / 4 + i * bStep]!]
    const z = fround(kind === 0 ? x + y : kind === 1 ? x - y : x * y)
    f32[out / 4 + i] = add ? f32[out / 4 + i]! + z : z
  }
}
