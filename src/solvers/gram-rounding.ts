import type { Kernels } from '../model/kernels.ts'
import { roundHalfEven } from '../numbers/rounding.ts'

export interface GramRounding {
  /** Rows of weights, those of one group together. [groups * rowsPerGroup][depth] */
  readonly values: Float32Array
  readonly groups: number
  readonly depth: number
  /** Second moments of what the rows multiply. [groups][depth][depth] */
  readonly gram: Float32Array
  /** E[xq (x - xq)^T]: products of floats x are aimed at, with the rounded xq. Without it xq is taken for x. */
  readonly drift?: Float32Array | null
  /** Codes lie in [-most, most]. */
  readonly most: number
  /** Least scale of each row. */
  readonly least?: Float32Array
  /** Share of what lies beside the diagonal that is not believed; 0 to 1. See `shrinkage`. */
  readonly shrink?: number
  /** Variance that every column has at least, such as that of rounding it to its grid: keeps codes of columns that were never seen to move. */
  readonly floor?: number
  /** Order in which a kernel adds pairs, and how large a pair of codes of one sign may be. */
  readonly pairs?: { readonly order: Int32Array; readonly limit: number }
  readonly sweeps?: number
}

export interface RoundedRows {
  readonly codes: Int8Array
  /** One a row. */
  readonly scales: Float32Array
  /** Energy of the rows' products, and of the error of nearest codes at the same scales and of the codes that were found. */
  readonly energy: number
  readonly nearestError: number
  readonly error: number
}

const SWEEPS = 4
/** Part of the mean of the diagonal that is added to it. */
const DAMPING = 0.01
/** Scales tried, as parts of the one that reaches the largest magnitude. */
const LEAST_PART = 0.75
const CANDIDATES = 16
/** Rows whose errors are multiplied with a Gram matrix at once. */
const ROWS = 64

/**
 * How much less to believe covariances of `depth` columns that come from `count` rows: all of it when there are none, next to nothing
 * when there are many times more rows than columns.
 */
export function shrinkage(count: number, depth: number): number {
  return depth / (depth + Math.max(0, count))
}

/**
 * Codes of rows of weights that lower the error of their *products*, (w - q)^T G (w - q), not of the weights: per row the
 * scale of least error by the diagonal of G, nearest codes, then sweeps of coordinate descent, each code to where the errors of all the others
 * want it (QuantEase, Behdin et al. 2023). With `drift`, w^T E[x xq^T] is what the descent aims at, so that it also takes back
 * what rounding in front of the product has done. Rows are independent; no move raises the error.
 */
export function roundRows(ask: GramRounding, kernels: Kernels): RoundedRows {
  const { values, groups, depth, most } = ask
  const count = values.length / depth
  const perGroup = count / groups
  const codes = new Int8Array(values.length)
  const scales = new Float32Array(count)
  let [energy, nearestError, error] = [0, 0, 0]
  const tile = new GramTile(depth, kernels)
  const beside = ask.pairs ? besideOf(ask.pairs.order) : null
  for (let group = 0; group < groups; group++) {
    const size = depth * depth
    const gram = shrunk(ask.gram.subarray(group * size, (group + 1) * size), depth, ask.shrink ?? 0, ask.floor ?? 0)
    const drift = ask.drift ? ask.drift.subarray(group * size, (group + 1) * size) : null
    tile.load(gram, drift, beside)
    const diagonal = Float64Array.from({ length: depth }, (_, i) => gram[i * depth + i] as number)
    for (let first = group * perGroup; first < (group + 1) * perGroup; first += ROWS) {
      const rows = Math.min(ROWS, (group + 1) * perGroup - first)
      const block = values.subarray(first * depth, (first + rows) * depth)
      const own = codes.subarray(first * depth, (first + rows) * depth)
      for (let row = 0; row < rows; row++) {
        const weights = block.subarray(row * depth, (row + 1) * depth)
        scales[first + row] = scaleOf(weights, diagonal, most, ask.least?.[first + row] ?? 0)
        nearest(weights, scales[first + row] as number, most, own, row * depth)
      }
      if (ask.pairs)
        for (let row = 0; row < rows; row++) keepPairs(own.subarray(row * depth, (row + 1) * depth), ask.pairs)
      const sums = tile.descend(block, own, scales.subarray(first, first + rows), ask)
      energy += sums.energy
      nearestError += sums.before
      error += sums.after
    }
  }
  return { codes, scales, energy, nearestError, error }
}

/** G and a few rows beside it in the memory of the kernels. */
class GramTile {
  readonly #depth: number
  readonly #kernels: Kernels
  /** Elements from row to row; odd multiples of 8. */
  readonly #stride: number
  readonly #height: number
  readonly #start: number
  readonly #at: {
    readonly gram: number
    readonly drift: number
    readonly left: number
    readonly pull: number
    readonly codes: number
    readonly beside: number
  }
  #drifts = false
  #paired = false

  constructor(depth: number, kernels: Kernels) {
    this.#depth = depth
    this.#kernels = kernels
    const padded = Math.ceil(depth / 8) * 8
    this.#stride = padded % 16 === 0 ? padded + 8 : padded
    this.#height = Math.ceil(depth / 4) * 4
    const matrix = this.#height * this.#stride * 4
    const rows = ROWS * this.#stride * 4
    const left = this.#height * (ROWS + 8) * 4
    const total = 2 * matrix + left + rows + this.#stride * 16
    this.#start = kernels.reserve(total)
    const gram = this.#start
    const drift = gram + matrix
    const pull = drift + matrix
    const codes = pull + rows + left
    this.#at = { gram, drift, pull, left: pull + rows, codes, beside: codes + this.#stride * 4 }
  }

  load(gram: Float32Array, drift: Float32Array | null, beside: Int32Array | null): void {
    this.#fill(this.#at.gram, gram, false)
    this.#drifts = drift !== null
    // Products want G^T e, the same, and D w = sum over k of D[:, k] w[k]: rows of the transposed.
    if (drift) this.#fill(this.#at.drift, drift, true)
    this.#paired = beside !== null
    if (!beside) return
    const all = new Int32Array(this.#kernels.memory, this.#at.beside, 2 * this.#stride).fill(-1)
    all.set(beside)
  }

  /** Lowers the error of `rows` rows of weights; their codes change in place. */
  descend(
    values: Float32Array,
    codes: Int8Array,
    scales: Float32Array,
    { most, pairs, sweeps = SWEEPS }: GramRounding,
  ): { readonly energy: number; readonly before: number; readonly after: number } {
    const depth = this.#depth
    const stride = this.#stride
    const rows = scales.length
    const errorOf = (row: number, i: number): number =>
      (values[row * depth + i] as number) - Math.fround((codes[row * depth + i] as number) * (scales[row] as number))
    const weightOf = (row: number, i: number): number => values[row * depth + i] as number
    const dotted = (of: (row: number, i: number) => number): number => {
      const pull = this.#view(this.#at.pull, rows * stride)
      let sum = 0
      for (let row = 0; row < rows; row++) {
        for (let i = 0; i < depth; i++) sum += of(row, i) * (pull[row * stride + i] as number)
      }
      return sum
    }
    this.#multiply(rows, this.#at.gram, weightOf, true)
    const energy = dotted(weightOf)
    this.#multiply(rows, this.#at.gram, errorOf, true)
    let before = dotted(errorOf)
    let crossed = 0
    if (this.#drifts) {
      const gramError = before
      this.#multiply(rows, this.#at.drift, weightOf, false)
      // |e|_G^2 + 2 e^T D w; what does not depend on the codes is left out.
      crossed = dotted(errorOf) - gramError
      before = gramError + 2 * crossed
    }
    const { gram, pull, codes: at, beside } = this.#at
    for (let row = 0; row < rows; row++) {
      const own = new Int8Array(this.#kernels.memory, at, stride).fill(0)
      own.set(codes.subarray(row * depth, (row + 1) * depth))
      const width = Math.ceil(depth / 8) * 8
      for (let sweep = 0; sweep < sweeps; sweep++) {
        const moved = this.#kernels.descendRow(
          gram,
          stride,
          width,
          pull + row * stride * 4,
          at,
          scales[row] as number,
          most,
          this.#paired ? beside : 0,
          pairs?.limit ?? 0,
        )
        if (moved === 0) break
      }
      codes.set(own.subarray(0, depth), row * depth)
    }
    // pull = G e + D w by now.
    let after = dotted(errorOf)
    if (this.#drifts) {
      this.#multiply(rows, this.#at.drift, weightOf, true)
      after += dotted(errorOf)
    }
    return { energy, before, after }
  }

  /** pull = (or +=) M of every row. */
  #multiply(rows: number, matrix: number, of: (row: number, i: number) => number, fresh: boolean): void {
    const { left, pull } = this.#at
    const height = Math.ceil(rows / 4) * 4
    const turned = this.#view(left, this.#height * (ROWS + 8))
    const depth = this.#depth
    turned.fill(0)
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < depth; i++) turned[i * (ROWS + 8) + row] = of(row, i)
    }
    if (fresh) this.#view(pull, ROWS * this.#stride).fill(0)
    const columns = Math.ceil(depth / 8) * 8
    for (let first = 0; first < this.#height; first += ROWS) {
      const count = Math.min(ROWS, this.#height - first)
      const [a, b] = [left + first * (ROWS + 8) * 4, matrix + first * this.#stride * 4]
      this.#kernels.crossRows(a, ROWS + 8, b, this.#stride, count, height, columns, pull, this.#stride)
    }
  }

  #fill(at: number, matrix: Float32Array, turned: boolean): void {
    const depth = this.#depth
    const view = this.#view(at, this.#height * this.#stride).fill(0)
    for (let i = 0; i < depth; i++) {
      if (!turned) view.set(matrix.subarray(i * depth, (i + 1) * depth), i * this.#stride)
      else for (let j = 0; j < depth; j++) view[j * this.#stride + i] = matrix[i * depth + j] as number
    }
  }

  #view(at: number, length: number): Float32Array {
    return new Float32Array(this.#kernels.memory, at, length)
  }
}

/** A copy with less beside the diagonal, and a little more on it. */
function shrunk(gram: Float32Array, depth: number, share: number, floor: number): Float32Array {
  const made = gram.map((value) => value * (1 - share))
  let trace = 0
  for (let j = 0; j < depth; j++) trace += gram[j * depth + j] as number
  for (let j = 0; j < depth; j++)
    made[j * depth + j] = (gram[j * depth + j] as number) + (DAMPING * trace) / depth + floor
  return made
}

/** Columns between two looks at whether a scale can still be the best. */
const STRETCH = 64
/** 1.5 * 2^52: a double below 2^51 that it is added to and taken from again is rounded, half to even. */
const ROUNDER = 6755399441055744

/** The scale whose nearest codes have the least error weighted by the diagonal; the largest one wins ties. */
function scaleOf(weights: Float32Array, diagonal: Float64Array, most: number, least: number): number {
  const depth = weights.length
  let extreme = 0
  for (let i = 0; i < depth; i++) extreme = Math.max(extreme, Math.abs(weights[i] as number))
  if (extreme === 0) return Math.max(1, least)
  const full = Math.max(Math.fround(extreme / most), least)
  let best = full
  let bestError = Number.POSITIVE_INFINITY
  for (let step = CANDIDATES; step >= 0; step--) {
    const scale = Math.max(Math.fround(full * (LEAST_PART + ((1 - LEAST_PART) * step) / CANDIDATES)), least)
    let error = 0
    for (let from = 0; from < depth && !(error >= bestError); from += STRETCH) {
      for (let i = from, end = Math.min(depth, from + STRETCH); i < end; i++) {
        const value = weights[i] as number
        const code = value / scale + ROUNDER - ROUNDER
        const difference = value - scale * (code > most ? most : code < -most ? -most : code)
        error += (diagonal[i] as number) * (difference * difference)
      }
    }
    if (error >= bestError) continue
    best = scale
    bestError = error
  }
  return best
}

function nearest(weights: Float32Array, scale: number, most: number, codes: Int8Array, at: number): void {
  for (let i = 0; i < weights.length; i++) codes[at + i] = codeOf(weights[i] as number, scale, most)
}

function codeOf(value: number, scale: number, most: number): number {
  const code = roundHalfEven(value / scale)
  return code > most ? most : code < -most ? -most : code
}

/** For every code the indices of its neighbours in the order of a sum; -1 at the ends. */
function besideOf(order: Int32Array): Int32Array {
  const beside = new Int32Array(2 * order.length).fill(-1)
  for (let at = 0; at < order.length; at++) {
    const index = order[at] as number
    if (at > 0) beside[2 * index] = order[at - 1] as number
    if (at + 1 < order.length) beside[2 * index + 1] = order[at + 1] as number
  }
  return beside
}

/** Lowers the second of two neighbours of one sign to where they fit. */
function keepPairs(codes: Int8Array, { order, limit }: NonNullable<GramRounding['pairs']>): void {
  let before = 0
  for (const index of order) {
    const code = codes[index] as number
    if (before > 0 && code > limit - before) codes[index] = limit - before
    if (before < 0 && code < -limit - before) codes[index] = -limit - before
    before = codes[index] as number
  }
}
