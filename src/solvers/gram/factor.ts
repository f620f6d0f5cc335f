import type { Kernels } from '../../model/kernels.ts'
import { finish, type Steps } from './steps.ts'

/** H = M diag(pivots) M^T with M unit upper triangular. */
export interface GramFactor {
  readonly depth: number
  /** M, [depth][depth], row after row. */
  readonly upper: Float32Array
  readonly pivots: Float64Array
}

/** Columns of a panel of the factor. */
const PANEL = 32
/** Products of one call of the kernel. */
const CALL = 2 ** 22
/** Pivots below this part of their diagonal element are rounding errors: the matrix is taken for singular. */
const LEAST_PIVOT = 1e-10

/**
 * The factor that error feedback needs, straight from H: with it (w - q)^T H (w - q) is a sum of pivots times (w[k] + feedback - q[k])^2,
 * where the feedback of k comes from the errors of the columns before it alone. It is U^-1 of what GPTQ calls its upper Cholesky factor of
 * H^-1 (Frantar et al. 2022; that both are one was shown as LDLQ by Chee et al. 2023), without an inverse and in f64 throughout.
 * H is `gram` with `damping` added to its diagonal, both taken in `order`. Null where that is not positive definite.
 */
export function factorGram(
  gram: Float32Array,
  depth: number,
  damping: number,
  kernels: Kernels,
  order?: Int32Array,
): GramFactor | null {
  return finish(factorSteps(gram, depth, damping, kernels, order))
}

/** `factorGram` in steps; the kernels are nobody else's between them. `floats` makes room for M, all zero. */
export function* factorSteps(
  gram: Float32Array,
  depth: number,
  damping: number,
  kernels: Kernels,
  order?: Int32Array,
  floats = (length: number): Float32Array => new Float32Array(length),
): Steps<GramFactor | null> {
  const size = Math.ceil(depth / 4) * 4
  // Rows an odd number of cache lines apart.
  const stride = (Math.ceil(size / 8) | 1) * 8
  const start = kernels.reserve(size * stride * 8)
  const lower = new Float64Array(kernels.memory, start, size * stride).fill(0)
  const at = (i: number): number => (order ? (order[i] as number) : i)
  // Turned by half a circle: the usual lower factor of that is the upper one of H.
  for (let i = 0; i < size; i++) {
    const row = i * stride
    if (i >= depth) {
      lower[row + i] = 1
      continue
    }
    const from = at(depth - 1 - i) * depth
    for (let j = 0; j <= i; j++) lower[row + j] = gram[from + at(depth - 1 - j)] as number
    lower[row + i] = (lower[row + i] as number) + damping
  }
  const diagonal = Float64Array.from({ length: size }, (_, i) => lower[i * stride + i] as number)
  for (let first = 0; first < size; first += PANEL) {
    const width = Math.min(PANEL, size - first)
    const most = first === 0 ? size : Math.max(4, Math.floor(CALL / (first * width) / 4) * 4)
    for (let row = first; first > 0 && row < size; row += most) {
      const rows = Math.min(most, size - row)
      const [a, b, out] = [row * stride, first * stride, row * stride + first].map((one) => start + one * 8) as [
        number,
        number,
        number,
      ]
      kernels.subtractDots(a, stride, b, stride, first, rows, width, out, stride)
      yield
    }
    for (let i = first; i < size; i++) {
      const row = i * stride
      for (let j = first; j < Math.min(i, first + width); j++) {
        let sum = lower[row + j] as number
        const other = j * stride
        for (let k = first; k < j; k++) sum -= (lower[row + k] as number) * (lower[other + k] as number)
        lower[row + j] = sum / (lower[other + j] as number)
      }
      if (i >= first + width) continue
      let pivot = lower[row + i] as number
      for (let k = first; k < i; k++) pivot -= (lower[row + k] as number) ** 2
      if (!(pivot > LEAST_PIVOT * (diagonal[i] as number)) || !Number.isFinite(pivot)) return null
      lower[row + i] = Math.sqrt(pivot)
    }
  }
  return turnedBack(lower, stride, floats(depth * depth), depth)
}

function turnedBack(lower: Float64Array, stride: number, upper: Float32Array, depth: number): GramFactor {
  const pivots = new Float64Array(depth)
  for (let j = 0; j < depth; j++) pivots[depth - 1 - j] = (lower[j * stride + j] as number) ** 2
  for (let i = 0; i < depth; i++) {
    const to = (depth - 1 - i) * depth
    for (let j = 0; j <= i; j++) {
      upper[to + depth - 1 - j] = (lower[i * stride + j] as number) / (lower[j * stride + j] as number)
    }
  }
  return { depth, upper, pivots }
}
