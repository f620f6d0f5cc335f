import type { Kernels } from '../model/kernels.ts'

/** Rows that the kernel takes at once. */
const CHUNK = 64
/** Columns on the left of one call: what lies left of the diagonal is mirrored later. */
const PANEL = 64

/** What was seen of the rows that a product multiplies, for each of its groups. */
export interface MomentFacts {
  readonly groups: number
  readonly depth: number
  /** Rows seen of each group. */
  readonly count: number
  /** Of rounded rows xq. [groups][depth] */
  readonly mean: Float64Array
  /** Of the rows x that they stand for. [groups][depth] */
  readonly meanFloat: Float64Array
  /** Covariance of xq, or E[xq xq^T] when not centred. [groups][depth][depth] */
  readonly gram: Float32Array
  /** E[xq (x - xq)^T], centred likewise. [groups][depth][depth]; null when it was not asked for. */
  readonly drift: Float32Array | null
}

/** Views of the memory of the kernels. */
interface Area {
  readonly start: number
  readonly left: Float32Array
  readonly right: Float32Array
  readonly gram: Float32Array
  readonly drift: Float32Array
}

/** An odd multiple of 8, so that rows do not share cache lines' places. */
export function rowStride(depth: number): number {
  const padded = Math.ceil(depth / 8) * 8
  return padded % 16 === 0 ? padded + 8 : padded
}

/**
 * Second moments of rows, in f32 over 64 rows at a time, in the order in which they are added. Rows are taken around the mean of the first ones, so
 * that large means do not cost digits; `facts` takes away the rest. Memory: one or two [groups][depth][depth], whatever the number of rows.
 */
export class SecondMoments {
  readonly groups: number
  readonly depth: number
  readonly #stride: number
  readonly #kernels: Kernels
  readonly #gram: Float32Array
  readonly #drift: Float32Array | null
  readonly #origin: Float64Array
  readonly #sums: Float64Array
  readonly #floatSums: Float64Array
  readonly #counts: Float64Array
  #known: Area | undefined

  constructor(groups: number, depth: number, withDrift: boolean, kernels: Kernels) {
    this.groups = groups
    this.depth = depth
    this.#stride = rowStride(depth)
    this.#kernels = kernels
    const size = groups * this.#rows * this.#stride
    this.#gram = new Float32Array(size)
    this.#drift = withDrift ? new Float32Array(size) : null
    this.#origin = new Float64Array(groups * depth)
    this.#sums = new Float64Array(groups * depth)
    this.#floatSums = new Float64Array(groups * depth)
    this.#counts = new Float64Array(groups)
  }

  /** Rows of a moment, as the kernel counts them. */
  get #rows(): number {
    return Math.ceil(this.depth / 4) * 4
  }

  /** `rows` rows of one group, `stride` elements apart: rounded ones and the floats they stand for. */
  add(group: number, rounded: Float32Array, floats: Float32Array, rows: number, stride: number): void {
    const { depth } = this
    const width = this.#stride
    const base = group * depth
    const origin = this.#origin.subarray(base, base + depth)
    if (this.#counts[group] === 0) {
      for (let i = 0; i < depth; i++) origin[i] = columnMean(rounded, rows, stride, i)
    }
    this.#counts[group] = (this.#counts[group] as number) + rows
    const sums = this.#sums.subarray(base, base + depth)
    const floatSums = this.#floatSums.subarray(base, base + depth)
    const { start, left, right, gram, drift } = this.#area()
    const size = gram.length
    gram.set(this.#gram.subarray(group * size, (group + 1) * size))
    if (this.#drift) drift.set(this.#drift.subarray(group * size, (group + 1) * size))
    const most = Math.min(CHUNK, rows)
    left.fill(0, 0, most * width)
    if (this.#drift) right.fill(0, 0, most * width)
    for (let first = 0; first < rows; first += CHUNK) {
      const count = Math.min(CHUNK, rows - first)
      for (let row = 0; row < count; row++) {
        const from = (first + row) * stride
        fillRow(rounded, from, origin, sums, left, row * width, depth)
        addRow(floats, from, floatSums, depth)
        if (this.#drift) differences(floats, rounded, from, right, row * width, depth)
      }
      this.#cross(start, start, count, gram.byteOffset, true)
      if (this.#drift) this.#cross(start, right.byteOffset, count, drift.byteOffset, false)
    }
    this.#gram.set(gram, group * size)
    this.#drift?.set(drift, group * size)
  }

  /** What was seen; `centred`: around the means, as where a bias takes what the mean adds. */
  facts(centred: boolean): MomentFacts {
    const { groups, depth } = this
    const mean = new Float64Array(groups * depth)
    const meanFloat = new Float64Array(groups * depth)
    const gram = new Float32Array(groups * depth * depth)
    const drift = this.#drift && new Float32Array(groups * depth * depth)
    for (let group = 0; group < groups; group++) {
      const count = Math.max(1, this.#counts[group] as number)
      const from = group * this.#rows * this.#stride
      const base = group * depth
      for (let i = 0; i < depth; i++) {
        mean[base + i] = (this.#sums[base + i] as number) / count
        meanFloat[base + i] = (this.#floatSums[base + i] as number) / count
      }
      // E[(xq - o)(y - p)^T] with o the origin and p = 0 for y = x - xq: o E[y]^T comes back, m E[y]^T goes when centred.
      for (let i = 0; i < depth; i++) {
        const [origin, own] = [this.#origin[base + i] as number, mean[base + i] as number]
        for (let j = 0; j < depth; j++) {
          const at = (base + i) * depth + j
          const [row, column] = j < i ? [j, i] : [i, j]
          const seen = (this.#gram[from + row * this.#stride + column] as number) / count
          const [otherOrigin, other] = [this.#origin[base + j] as number, mean[base + j] as number]
          const covariance = seen - (own - origin) * (other - otherOrigin)
          gram[at] = centred ? covariance : covariance + own * other
          if (!drift || !this.#drift) continue
          const gap = (meanFloat[base + j] as number) - other
          const crossed = (this.#drift[from + i * this.#stride + j] as number) / count
          drift[at] = crossed - (own - origin) * gap + (centred ? 0 : own * gap)
        }
      }
    }
    return { groups, depth, count: Math.max(...this.#counts), mean, meanFloat, gram, drift }
  }

  /** Where the kernel works; others may have used it since. */
  #area(): Area {
    const width = this.#stride
    const size = this.#rows * width
    const start = this.#kernels.reserve((2 * CHUNK * width + 2 * size) * 4)
    const { memory } = this.#kernels
    if (this.#known?.left.buffer === memory && this.#known.start === start) return this.#known
    const part = (at: number, length: number): Float32Array => new Float32Array(memory, start + at * 4, length)
    const rows = 2 * CHUNK * width
    this.#known = {
      start,
      left: part(0, CHUNK * width),
      right: part(CHUNK * width, CHUNK * width),
      gram: part(rows, size),
      drift: part(rows + size, size),
    }
    return this.#known
  }

  #cross(left: number, right: number, rows: number, out: number, upper: boolean): void {
    const width = this.#stride
    const columns = Math.ceil(this.depth / 8) * 8
    for (let panel = 0; panel < this.#rows; panel += PANEL) {
      const from = upper ? panel : 0
      const height = Math.min(PANEL, this.#rows - panel)
      const to = out + (panel * width + from) * 4
      this.#kernels.crossRows(left + panel * 4, width, right + from * 4, width, rows, height, columns - from, to, width)
    }
  }
}

/** Adds a row to `sums`, and puts it around `origin` into `target`. */
function fillRow(
  rows: Float32Array,
  from: number,
  origin: Float64Array,
  sums: Float64Array,
  target: Float32Array,
  to: number,
  depth: number,
): void {
  for (let i = 0; i < depth; i++) {
    const value = rows[from + i] as number
    sums[i] = (sums[i] as number) + value
    target[to + i] = value - (origin[i] as number)
  }
}

function addRow(rows: Float32Array, from: number, sums: Float64Array, depth: number): void {
  for (let i = 0; i < depth; i++) sums[i] = (sums[i] as number) + (rows[from + i] as number)
}

function differences(
  floats: Float32Array,
  rounded: Float32Array,
  from: number,
  target: Float32Array,
  to: number,
  depth: number,
): void {
  for (let i = 0; i < depth; i++) target[to + i] = (floats[from + i] as number) - (rounded[from + i] as number)
}

function columnMean(rows: Float32Array, count: number, stride: number, column: number): number {
  let sum = 0
  for (let row = 0; row < count; row++) sum += rows[row * stride + column] as number
  return count === 0 ? 0 : sum / count
}
