import { uniform } from '../../../numbers/rounding.ts'
import { baseMatrix, baseOrder, largestOrder } from './hadamard.ts'

/** An orthogonal matrix of `size` rows, applied to vectors in f64 with the same sums everywhere. */
export interface Rotation {
  readonly size: number
  /** Order of the Hadamard matrices along its diagonal; `size` where one fits. */
  readonly block: number
  /** Vectors from the left: `values[offset + i * lanes + lane]` is element i of a vector; all are replaced by their products. */
  apply(values: Float64Array, offset: number, lanes: number): void
}

/**
 * Random signs, then Hadamard matrices along the diagonal over the root of their order (QuaRot, Ashkboos et al. 2024). With `keepsMean` a
 * reflection follows that takes the image of the vector of ones back to itself: means, and so LayerNorm, stay what they are.
 */
export function rotationOf(size: number, { seed, keepsMean }: { seed: number; keepsMean: boolean }): Rotation {
  const block = largestOrder(size)
  const base = baseOrder(block) as number
  const signs = baseMatrix(base)
  const scale = 1 / Math.sqrt(block)
  const draws = Float64Array.from({ length: size }, (_, i) => (uniform(seed + size * 7919, i) < 0.5 ? -scale : scale))
  const turn = (values: Float64Array, offset: number, lanes: number): void => {
    for (let i = 0; i < size; i++) {
      const draw = draws[i] as number
      const end = offset + (i + 1) * lanes
      for (let at = end - lanes; at < end; at++) values[at] = (values[at] as number) * draw
    }
    for (let start = 0; start < size; start += block) {
      const from = offset + start * lanes
      for (let half = base; half < block; half *= 2) butterflies(values, from, block, half, lanes)
      if (base > 1) for (let i = 0; i < block; i += base) multiplyBase(values, from + i * lanes, base, signs, lanes)
    }
  }
  const mirror = keepsMean ? mirrorOf(size, turn) : null
  return {
    size,
    block,
    apply(values, offset, lanes) {
      turn(values, offset, lanes)
      if (mirror) reflect(values, offset, lanes, mirror)
    },
  }
}

function butterflies(values: Float64Array, from: number, block: number, half: number, lanes: number): void {
  for (let start = 0; start < block; start += 2 * half) {
    const first = from + start * lanes
    const second = first + half * lanes
    for (let i = first, j = second; i < second; i++, j++) {
      const a = values[i] as number
      const b = values[j] as number
      values[i] = a + b
      values[j] = a - b
    }
  }
}

function multiplyBase(values: Float64Array, from: number, base: number, signs: Int8Array, lanes: number): void {
  const sums = new Float64Array(base * lanes)
  for (let i = 0; i < base; i++)
    for (let j = 0; j < base; j++) {
      const sign = signs[i * base + j] as number
      for (let lane = 0; lane < lanes; lane++)
        sums[j * lanes + lane] = (sums[j * lanes + lane] as number) + sign * (values[from + i * lanes + lane] as number)
    }
  values.set(sums, from)
}

/** The unit vector across the mirror; null where ones stay ones without it. */
function mirrorOf(
  size: number,
  turn: (values: Float64Array, offset: number, lanes: number) => void,
): Float64Array | null {
  const even = 1 / Math.sqrt(size)
  const across = new Float64Array(size).fill(even)
  turn(across, 0, 1)
  let square = 0
  for (let i = 0; i < size; i++) {
    across[i] = (across[i] as number) - even
    square += (across[i] as number) ** 2
  }
  if (square < 1e-20) return null
  const length = Math.sqrt(square)
  return across.map((one) => one / length)
}

function reflect(values: Float64Array, offset: number, lanes: number, mirror: Float64Array): void {
  const sums = new Float64Array(lanes)
  for (const [i, part] of mirror.entries())
    for (let lane = 0; lane < lanes; lane++)
      sums[lane] = (sums[lane] as number) + part * (values[offset + i * lanes + lane] as number)
  for (const [i, part] of mirror.entries())
    for (let lane = 0; lane < lanes; lane++) {
      const at = offset + i * lanes + lane
      values[at] = (values[at] as number) - 2 * part * (sums[lane] as number)
    }
}
