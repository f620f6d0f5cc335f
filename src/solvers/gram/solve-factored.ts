import type { Kernels } from '../../model/kernels.ts'
import type { GramFactor } from './factor.ts'
import { finish, type Steps } from './steps.ts'

/** Right sides next to each other. */
const WIDTH = 64
/** Unknowns of a chunk, and rows of a call of the kernel. */
const CHUNK = 32
const NEAR = 64

/** H^-1 b for rows b, [rows][depth], in the order of the factor: M y = b from the last unknown on, M^T x = y / pivots from the first on. */
export function solveFactored(factor: GramFactor, rows: Float32Array, kernels: Kernels): Float32Array {
  return finish(solveFactoredSteps(factor, rows, kernels))
}

/** `solveFactored` in steps; the kernels are nobody else's between them. */
export function* solveFactoredSteps(factor: GramFactor, rows: Float32Array, kernels: Kernels): Steps<Float32Array> {
  const { depth, upper, pivots } = factor
  const count = rows.length / depth
  const panels = Math.ceil(count / WIDTH)
  const size = depth * WIDTH
  const start = kernels.reserve((panels * size + (depth + WIDTH) * CHUNK) * 4)
  const view = (at: number, length: number): Float32Array => new Float32Array(kernels.memory, start + at * 4, length)
  const known = view(0, panels * size).fill(0)
  const packed = view(panels * size, depth * CHUNK)
  const sums = view(panels * size + depth * CHUNK, CHUNK * WIDTH)
  const row = new Float32Array(WIDTH)
  for (let n = 0; n < count; n++) {
    const to = Math.floor(n / WIDTH) * size + (n % WIDTH)
    for (let k = 0; k < depth; k++) known[to + k * WIDTH] = rows[n * depth + k] as number
  }
  /** Takes what `far` unknowns [low, high) say from those of a chunk, then solves the chunk in the order of `near`. */
  const substitute = (
    from: number,
    length: number,
    low: number,
    high: number,
    factorOf: (unknown: number, other: number) => number,
    near: readonly number[],
  ): void => {
    packed.fill(0, 0, (high - low) * CHUNK)
    for (let j = low; j < high; j++)
      for (let l = 0; l < length; l++) packed[(j - low) * CHUNK + l] = factorOf(from + l, j)
    for (let panel = 0; panel < panels; panel++) {
      sums.fill(0)
      const base = panel * size
      for (let at = low; at < high; at += NEAR) {
        const [a, b] = [packed.byteOffset + (at - low) * CHUNK * 4, start + (base + at * WIDTH) * 4]
        const some = Math.min(NEAR, high - at)
        kernels.crossRows(a, CHUNK, b, WIDTH, some, CHUNK, WIDTH, sums.byteOffset, WIDTH)
      }
      for (const [done, l] of near.entries()) {
        row.set(sums.subarray(l * WIDTH, (l + 1) * WIDTH))
        for (const other of near.slice(0, done)) {
          const by = factorOf(from + l, from + other)
          const at = base + (from + other) * WIDTH
          for (let n = 0; n < WIDTH; n++) row[n] = (row[n] as number) + by * (known[at + n] as number)
        }
        const at = base + (from + l) * WIDTH
        for (let n = 0; n < WIDTH; n++) known[at + n] = (known[at + n] as number) - (row[n] as number)
      }
    }
  }
  const lastChunk = Math.floor((depth - 1) / CHUNK) * CHUNK
  for (let from = lastChunk; from >= 0; from -= CHUNK) {
    yield
    const length = Math.min(CHUNK, depth - from)
    const near = Array.from({ length }, (_, i) => length - 1 - i)
    substitute(from, length, from + length, depth, (i, j) => upper[i * depth + j] as number, near)
  }
  for (let panel = 0; panel < panels; panel++) {
    for (let k = 0; k < depth; k++) {
      const at = panel * size + k * WIDTH
      for (let n = 0; n < WIDTH; n++) known[at + n] = (known[at + n] as number) / (pivots[k] as number)
    }
  }
  for (let from = 0; from < depth; from += CHUNK) {
    yield
    const length = Math.min(CHUNK, depth - from)
    const near = Array.from({ length }, (_, i) => i)
    substitute(from, length, 0, from, (i, j) => upper[j * depth + i] as number, near)
  }
  const solved = new Float32Array(rows.length)
  for (let n = 0; n < count; n++) {
    const from = Math.floor(n / WIDTH) * size + (n % WIDTH)
    for (let k = 0; k < depth; k++) solved[n * depth + k] = known[from + k * WIDTH] as number
  }
  return solved
}
