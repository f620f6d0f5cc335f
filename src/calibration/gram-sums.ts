import type { Kernels } from '../model/kernels.ts'

/** Rows of one call of the kernel. */
const CHUNK = 64
/** Columns on the left of one call: what lies left of the diagonal is mirrored later. */
const PANEL = 64
/** Rows whose products are added up in f32 before they go to the sums in f64. */
const ROUND = 512

/** Sums of products of inputs, not divided by their number. */
export interface GramFacts {
  readonly depth: number
  readonly count: number
  /** Sum of xq xq^T. [depth][depth] */
  readonly gram: Float64Array
  /** Sum of (x - xq) xq^T; null where it was not asked for. [depth][depth] */
  readonly drift: Float64Array | null
}

/**
 * Second moments of rows around zero, in f64 over sums of 512 rows in f32, in the order in which rows are added, however many come
 * at once. Memory: one or two [depth][depth] in f64, whatever the number of rows.
 */
export class GramSums {
  readonly depth: number
  readonly #stride: number
  readonly #kernels: Kernels
  readonly #gram: Float64Array
  readonly #drift: Float64Array | null
  /** Rows that wait, and what they should have been more. */
  readonly #rows: Float32Array
  readonly #gaps: Float32Array
  #waiting = 0
  #count = 0

  constructor(depth: number, withDrift: boolean, kernels: Kernels) {
    this.depth = depth
    const padded = Math.ceil(depth / 8) * 8
    // An odd multiple of 8, so that rows do not share cache lines' places.
    this.#stride = padded % 16 === 0 ? padded + 8 : padded
    this.#kernels = kernels
    this.#gram = new Float64Array(depth * depth)
    this.#drift = withDrift ? new Float64Array(depth * depth) : null
    this.#rows = new Float32Array(ROUND * this.#stride)
    this.#gaps = new Float32Array(withDrift ? ROUND * this.#stride : 0)
  }

  /** `count` rows of `depth`, one after the other: those of the model as it is by now, and those that they should have been. */
  add(rows: Float32Array, floats: Float32Array, count: number): void {
    const { depth } = this
    for (let row = 0; row < count; row++) {
      const to = this.#waiting * this.#stride
      this.#rows.set(rows.subarray(row * depth, (row + 1) * depth), to)
      if (this.#drift) {
        for (let i = 0; i < depth; i++) {
          this.#gaps[to + i] = (floats[row * depth + i] as number) - (rows[row * depth + i] as number)
        }
      }
      this.#waiting += 1
      if (this.#waiting === ROUND) this.#settle()
    }
    this.#count += count
  }

  /** The sums so far. */
  facts(): GramFacts {
    if (this.#waiting > 0) this.#settle()
    const { depth } = this
    for (let i = 0; i < depth; i++)
      for (let j = 0; j < i; j++) this.#gram[i * depth + j] = this.#gram[j * depth + i] as number
    return { depth, count: this.#count, gram: this.#gram, drift: this.#drift }
  }

  /** Adds the rows that wait. */
  #settle(): void {
    const { depth } = this
    const width = this.#stride
    const height = Math.ceil(depth / 4) * 4
    const size = height * width
    const start = this.#kernels.reserve((2 * CHUNK * width + size) * 4)
    const view = (at: number, length: number): Float32Array =>
      new Float32Array(this.#kernels.memory, start + at * 4, length)
    const left = view(0, CHUNK * width)
    const right = view(CHUNK * width, CHUNK * width)
    const products = view(2 * CHUNK * width, size)
    for (const drift of this.#drift ? [false, true] : [false]) {
      products.fill(0)
      for (let at = 0; at < this.#waiting; at += CHUNK) {
        const some = Math.min(CHUNK, this.#waiting - at)
        right.set(this.#rows.subarray(at * width, (at + some) * width))
        if (drift) left.set(this.#gaps.subarray(at * width, (at + some) * width))
        this.#cross(drift ? left.byteOffset : right.byteOffset, right.byteOffset, some, products.byteOffset, !drift)
      }
      const sums = (drift ? this.#drift : this.#gram) as Float64Array
      for (let i = 0; i < depth; i++) {
        const [to, from] = [i * depth, i * width]
        for (let j = drift ? 0 : i; j < depth; j++)
          sums[to + j] = (sums[to + j] as number) + (products[from + j] as number)
      }
    }
    this.#waiting = 0
  }

  #cross(left: number, right: number, rows: number, out: number, upper: boolean): void {
    const width = this.#stride
    const all = Math.ceil(this.depth / 4) * 4
    const columns = Math.ceil(this.depth / 8) * 8
    for (let panel = 0; panel < all; panel += PANEL) {
      const from = upper ? panel : 0
      const height = Math.min(PANEL, all - panel)
      const to = out + (panel * width + from) * 4
      this.#kernels.crossRows(left + panel * 4, width, right + from * 4, width, rows, height, columns - from, to, width)
    }
  }
}
