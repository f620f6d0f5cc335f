import type { Kernels } from '../../model/kernels.ts'
import { roundToF16 } from '../../numbers/f16.ts'
import { blockOf, decodeRows, type GramCodes, type GramRows } from './rows.ts'

/** Rows whose errors meet the matrix at once. */
const ROWS = 64
/** Rows of a call of the kernel. */
const NEAR = 64

export interface DescentOptions {
  /** Times that scales are fitted again and codes descended. */
  readonly rounds: number
  /** Sweeps over the codes of a row in each round, at most. */
  readonly sweeps: number
}

/** Second moments and a few rows beside them in the memory of the kernels. */
export class GramDescent {
  readonly #gram: Float32Array
  readonly #depth: number
  readonly #kernels: Kernels
  readonly #width: number
  readonly #stride: number
  readonly #height: number
  #start = 0

  /** `gram` is [depth][depth] and symmetric. */
  constructor(gram: Float32Array, depth: number, kernels: Kernels) {
    this.#gram = gram
    this.#depth = depth
    this.#kernels = kernels
    this.#width = Math.ceil(depth / 8) * 8
    // An odd multiple of 8.
    this.#stride = this.#width % 16 === 0 ? this.#width + 8 : this.#width
    this.#height = Math.ceil(depth / 4) * 4
  }

  get #places() {
    const stride = this.#stride
    const matrix = this.#height * stride
    const left = this.#height * (ROWS + 8)
    const at = (elements: number): number => this.#start + elements * 4
    const codes = matrix + left + ROWS * stride
    return {
      gram: at(0),
      left: at(matrix),
      pull: at(matrix + left),
      codes: at(codes),
      scales: at(codes + stride),
      steps: at(codes + 2 * stride),
      total: (codes + 3 * stride + 16) * 4,
    }
  }

  /** Puts the matrix in place: whoever used the kernels in between has written over it. */
  load(): void {
    this.#start = this.#kernels.reserve(this.#places.total)
    const view = this.#view(this.#places.gram, this.#height * this.#stride).fill(0)
    const depth = this.#depth
    for (let i = 0; i < depth; i++) view.set(this.#gram.subarray(i * depth, (i + 1) * depth), i * this.#stride)
  }

  /** Sum over rows of e^T G e. */
  energy(errors: Float32Array): number {
    let sum = 0
    for (let first = 0; first < errors.length; first += ROWS * this.#depth) {
      const some = errors.subarray(first, first + ROWS * this.#depth)
      const rows = some.length / this.#depth
      this.#multiply(some)
      for (let row = 0; row < rows; row++) sum += this.#dot(some, row)
    }
    return sum
  }

  /** G^T r of every row r: [rows][depth]. */
  products(rows: Float32Array): Float32Array {
    this.load()
    const depth = this.#depth
    const made = new Float32Array(rows.length)
    for (let first = 0; first < rows.length; first += ROWS * depth) {
      const some = rows.subarray(first, first + ROWS * depth)
      this.#multiply(some)
      for (let row = 0; row * depth < some.length; row++) {
        made.set(this.#view(this.#places.pull + row * this.#stride * 4, depth), first + row * depth)
      }
    }
    return made
  }

  /**
   * Lowers (w - q)^T G (w - q) of every row: by turns each scale to where its codes want it, rounded as it is stored, and each code to where
   * the errors of all others want it. No step raises the error. Codes and scales change in place.
   */
  descend(rows: GramRows, found: GramCodes, options: DescentOptions): void {
    const { channels, depth, values } = rows
    const decoded = decodeRows(rows, found)
    const errors = new Float32Array(ROWS * depth)
    for (let first = 0; first < channels; first += ROWS) {
      const count = Math.min(ROWS, channels - first)
      const some = errors.subarray(0, count * depth)
      for (let i = 0; i < some.length; i++) {
        some[i] = (values[first * depth + i] as number) - (decoded[first * depth + i] as number)
      }
      this.#multiply(some)
      for (let row = 0; row < count; row++) this.#descendRow(rows, found, first + row, row, options)
    }
  }

  #descendRow(rows: GramRows, found: GramCodes, channel: number, row: number, options: DescentOptions): void {
    const { depth, spec } = rows
    const block = blockOf(rows)
    const blocks = Math.ceil(depth / block)
    const places = this.#places
    const { gram, codes } = places
    const stride = this.#stride
    const pull = places.pull + row * stride * 4
    const own = new Uint8Array(this.#kernels.memory, codes, this.#width).fill(0)
    own.set(found.codes.subarray(channel * depth, (channel + 1) * depth))
    const scales = this.#view(places.scales, blocks)
    scales.set(found.scales.subarray(channel * blocks, (channel + 1) * blocks))
    const zeros = found.zeros.subarray(channel * blocks, (channel + 1) * blocks)
    for (let round = 0; round < options.rounds; round++) {
      let moved = 0
      for (let sweep = 0; sweep < options.sweeps; sweep++) {
        const some = this.#kernels.descendBlocks(
          gram,
          stride,
          this.#width,
          pull,
          codes,
          places.scales,
          block,
          2 ** spec.bits - 1,
        )
        moved += some
        if (some === 0) break
      }
      if (round > 0 && moved === 0) break
      for (let b = 0; b < blocks; b++)
        this.#refit(b * block, Math.min(depth, (b + 1) * block), pull, own, scales, b, zeros[b] as number, spec.scale)
    }
    found.codes.set(own.subarray(0, depth), channel * depth)
    found.scales.set(scales, channel * blocks)
  }

  /** The scale of one block where all codes and the other scales stay: a quadratic. */
  #refit(
    from: number,
    to: number,
    pull: number,
    codes: Uint8Array,
    scales: Float32Array,
    index: number,
    zero: number,
    type: 'f32' | 'f16',
  ): void {
    const depth = this.#depth
    const places = this.#places
    const steps = this.#view(places.steps, to - from)
    const pulls = this.#view(pull, depth)
    let wanted = 0
    let own = 0
    for (let i = from; i < to; i++) {
      const step = (codes[i] as number) - zero
      steps[i - from] = step
      wanted += step * (pulls[i] as number)
      if (step === 0) continue
      let sum = 0
      for (let j = from; j < i; j++) sum += (this.#gram[i * depth + j] as number) * (steps[j - from] as number)
      own += step * (2 * sum + step * (this.#gram[i * depth + i] as number))
    }
    if (!(own > 0)) return
    const before = scales[index] as number
    const free = before + wanted / own
    const after = type === 'f16' ? roundToF16(Math.fround(free)) : Math.fround(free)
    const change = after - before
    if (after === 0 || !Number.isFinite(after) || !(change * (2 * wanted - change * own) > 0)) return
    scales[index] = after
    for (let i = 0; i < to - from; i++) steps[i] = -change * (steps[i] as number)
    const { gram } = places
    const stride = this.#stride
    this.#kernels.multiplyRows(
      places.steps,
      to - from,
      1,
      gram + from * stride * 4,
      stride,
      pull,
      stride,
      1,
      to - from,
      this.#width,
      1,
    )
  }

  #dot(errors: Float32Array, row: number): number {
    const pull = this.#view(this.#places.pull + row * this.#stride * 4, this.#depth)
    let sum = 0
    for (let i = 0; i < this.#depth; i++) sum += (errors[row * this.#depth + i] as number) * (pull[i] as number)
    return sum
  }

  /** pull = G e of every row. */
  #multiply(errors: Float32Array): void {
    const { left, pull, gram } = this.#places
    const depth = this.#depth
    const rows = errors.length / depth
    const side = ROWS + 8
    const turned = this.#view(left, this.#height * side).fill(0)
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < depth; i++) turned[i * side + row] = errors[row * depth + i] as number
    }
    this.#view(pull, ROWS * this.#stride).fill(0)
    const height = Math.ceil(rows / 4) * 4
    for (let first = 0; first < this.#height; first += NEAR) {
      const count = Math.min(NEAR, this.#height - first)
      const [a, b] = [left + first * side * 4, gram + first * this.#stride * 4]
      this.#kernels.crossRows(a, side, b, this.#stride, count, height, this.#width, pull, this.#stride)
    }
  }

  #view(at: number, length: number): Float32Array {
    return new Float32Array(this.#kernels.memory, at, length)
  }
}
