import type { Kernels } from '../../model/kernels.ts'
import { roundToF16 } from '../../numbers/f16.ts'
import { codeLevels } from '../../numbers/level-tables/code-levels.ts'
import { blockOf, decodeRows, type GramCodes, type GramRows } from './rows.ts'
import { finish, type Steps } from './steps.ts'

/** Rows whose errors meet the matrix at once. */
const ROWS = 64
/** Rows of a call of the kernel. */
const NEAR = 64
/** Columns that are descended in all rows before the next ones. */
const COLUMNS = 32

export interface DescentOptions {
  /** Times that scales are fitted again and codes descended. */
  readonly rounds: number
  /** Sweeps over the codes of a row in each round, at most. */
  readonly sweeps: number
}

/** Second moments and a few rows beside them in the memory of the kernels. */
export class GramDescent {
  readonly #gram: Float32Array
  readonly #added: number
  readonly #depth: number
  readonly #kernels: Kernels
  readonly #width: number
  readonly #stride: number
  readonly #height: number
  #start = 0

  /** `gram` is [depth][depth] and symmetric; `added` comes to its diagonal. */
  constructor(gram: Float32Array, depth: number, kernels: Kernels, added = 0) {
    this.#gram = gram
    this.#added = added
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
    const moves = matrix + left + ROWS * stride
    const scales = moves + ROWS * stride
    const codes = scales + ROWS * stride
    return {
      gram: at(0),
      left: at(matrix),
      pull: at(matrix + left),
      moves: at(moves),
      scales: at(scales),
      codes: at(codes),
      levels: at(codes + (ROWS * this.#width) / 4 + 16),
      total: (codes + (ROWS * this.#width) / 4 + 16 + 256) * 4,
    }
  }

  /** Puts the matrix in place: whoever used the kernels in between has written over it. */
  load(): void {
    this.#start = this.#kernels.reserve(this.#places.total)
    const view = this.#view(this.#places.gram, this.#height * this.#stride).fill(0)
    const depth = this.#depth
    for (let i = 0; i < depth; i++) {
      view.set(this.#gram.subarray(i * depth, (i + 1) * depth), i * this.#stride)
      const at = i * this.#stride + i
      view[at] = (view[at] as number) + this.#added
    }
  }

  /** Sum over rows of e^T G e. */
  energy(errors: Float32Array): number {
    return finish(this.energySteps(errors))
  }

  /** `energy` in steps; the kernels are nobody else's between them. */
  *energySteps(errors: Float32Array): Steps<number> {
    let sum = 0
    for (let first = 0; first < errors.length; first += ROWS * this.#depth) {
      yield
      const some = errors.subarray(first, first + ROWS * this.#depth)
      const rows = some.length / this.#depth
      this.#multiply(some)
      for (let row = 0; row < rows; row++) sum += this.#dot(some, row)
    }
    return sum
  }

  /** G^T r of every row r: [rows][depth]. */
  products(rows: Float32Array): Float32Array {
    return finish(this.productSteps(rows))
  }

  /** `products` in steps; the kernels are nobody else's between them. */
  *productSteps(rows: Float32Array): Steps<Float32Array> {
    this.load()
    const depth = this.#depth
    const made = new Float32Array(rows.length)
    for (let first = 0; first < rows.length; first += ROWS * depth) {
      yield
      const some = rows.subarray(first, first + ROWS * depth)
      this.#multiply(some)
      for (let row = 0; row * depth < some.length; row++) {
        made.set(this.#view(this.#places.pull + row * this.#stride * 4, depth), first + row * depth)
      }
    }
    return made
  }

  /**
   * Lowers (w - q)^T G (w - q) of every row: by turns each code to where the errors of all others want it and each scale to where its codes
   * want it, rounded as it is stored. No step raises the error. Codes and scales change in place.
   */
  descend(rows: GramRows, found: GramCodes, options: DescentOptions): void {
    finish(this.descendSteps(rows, found, options))
  }

  /** `descend` in steps; the kernels are nobody else's between them. */
  *descendSteps(rows: GramRows, found: GramCodes, options: DescentOptions): Steps<void> {
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
      yield
      yield* this.#descendRows(rows, found, first, count, options)
    }
  }

  *#descendRows(rows: GramRows, found: GramCodes, first: number, count: number, options: DescentOptions): Steps<void> {
    const { depth, spec } = rows
    const table = codeLevels(spec)
    const isRun = spec.granularity.kind === 'run'
    const size = blockOf(rows)
    // A row of runs has its own copy of the scales that it meets.
    const blocks = Math.ceil(depth / size) + (isRun ? 1 : 0)
    const firstGrid = (row: number): number =>
      isRun ? Math.floor(((first + row) * depth) / size) : (first + row) * blocks
    const { codes: at, scales: scalesAt, levels: levelsAt } = this.#places
    const width = this.#width
    if (table) this.#view(levelsAt, table.levels.length).set(table.levels)
    const codes = new Uint8Array(this.#kernels.memory, at, ROWS * width).fill(0)
    const scales = this.#view(scalesAt, ROWS * blocks)
    for (let row = 0; row < count; row++) {
      const own = found.codes.subarray((first + row) * depth, (first + row + 1) * depth)
      codes.set(table ? own.map((code) => table.indices[code] as number) : own, row * width)
      scales.set(found.scales.subarray(firstGrid(row), firstGrid(row) + blocks), row * blocks)
    }
    const zeros = found.zeros.subarray(first * blocks, (first + count) * blocks)
    let open = Array.from({ length: count }, (_, row) => row)
    for (let round = 0; round < options.rounds && open.length > 0; round++) {
      const moved = yield* this.#sweep(rows, first, open, blocks, options.sweeps)
      // Where nothing moves any more, scales are as they should be, too.
      if (round > 0) open = open.filter((row) => moved.has(row))
      // The scale of a run is of two rows, of which only one may be here.
      if (!isRun) yield* this.#refit(rows, open, codes, scales, zeros)
    }
    for (let row = 0; row < count; row++) {
      const own = codes.subarray(row * width, row * width + depth)
      found.codes.set(table ? own.map((position) => table.codes[position] as number) : own, (first + row) * depth)
    }
    if (!isRun) found.scales.set(scales.subarray(0, count * blocks), first * blocks)
  }

  /** Rows whose codes moved. A few columns of all rows after each other: their part of the matrix stays near. */
  *#sweep(
    rows: GramRows,
    first: number,
    open: readonly number[],
    blocks: number,
    sweeps: number,
  ): Steps<ReadonlySet<number>> {
    const { depth, spec } = rows
    const { gram, pull, codes, scales, levels } = this.#places
    const table = codeLevels(spec)
    const isRun = spec.granularity.kind === 'run'
    const [stride, width, block, most] = [this.#stride, this.#width, blockOf(rows), 2 ** spec.bits - 1]
    const moved = new Set<number>()
    let left = open
    for (let sweep = 0; sweep < sweeps && left.length > 0; sweep++) {
      const now = new Set<number>()
      for (let from = 0; from < depth; from += COLUMNS) {
        const to = Math.min(depth, from + COLUMNS)
        yield
        for (const row of left) {
          const [own, code, scale] = [pull + row * stride * 4, codes + row * width, scales + row * blocks * 4]
          const begun = isRun ? ((first + row) * depth) % block : 0
          const some = table
            ? this.#kernels.descendLevels(
                ...([gram, stride, width, from, to, own, code, scale, block, begun] as const),
                levels,
                table.levels.length - 1,
              )
            : this.#kernels.descendBlocks(gram, stride, width, from, to, own, code, scale, block, most)
          if (some > 0) now.add(row)
        }
      }
      for (const row of now) moved.add(row)
      left = left.filter((row) => now.has(row))
    }
    return moved
  }

  /** The scale of one block after the other, where all codes and the other scales stay: a quadratic of each row. */
  *#refit(
    rows: GramRows,
    open: readonly number[],
    codes: Uint8Array,
    scales: Float32Array,
    zeros: Uint8Array,
  ): Steps<void> {
    const { depth, spec } = rows
    const table = codeLevels(spec)
    const block = blockOf(rows)
    const blocks = Math.ceil(depth / block)
    const { gram, left, pull, moves } = this.#places
    const [stride, side, width] = [this.#stride, ROWS + 8, this.#width]
    const steps = this.#view(left, this.#height * side)
    const pulls = this.#view(pull, ROWS * stride)
    const changes = this.#view(moves, ROWS * stride)
    const height = Math.ceil(open.length / 4) * 4
    for (let index = 0; index < blocks; index++) {
      yield
      const from = index * block
      const length = Math.min(block, depth - from)
      steps.fill(0, 0, length * side)
      for (const [place, row] of open.entries()) {
        const zero = zeros[row * blocks + index] as number
        for (let i = 0; i < length; i++) {
          const code = codes[row * width + from + i] as number
          steps[i * side + place] = table ? (table.levels[code] as number) : code - zero
        }
      }
      changes.fill(0)
      for (let near = 0; near < length; near += NEAR) {
        const [a, b] = [left + near * side * 4, gram + (from + near) * stride * 4]
        this.#kernels.crossRows(a, side, b, stride, Math.min(NEAR, length - near), height, width, moves, stride)
      }
      for (const [place, row] of open.entries()) {
        let [wanted, own] = [0, 0]
        for (let i = 0; i < length; i++) {
          const step = steps[i * side + place] as number
          wanted += step * (pulls[row * stride + from + i] as number)
          own += step * (changes[place * stride + from + i] as number)
        }
        if (!(own > 0)) continue
        const before = scales[row * blocks + index] as number
        const free = Math.fround(before + wanted / own)
        const after = spec.scale === 'f16' ? roundToF16(free) : free
        const change = after - before
        if (after === 0 || !Number.isFinite(after) || !(change * (2 * wanted - change * own) > 0)) continue
        scales[row * blocks + index] = after
        for (let i = 0; i < depth; i++) {
          const at = row * stride + i
          pulls[at] = (pulls[at] as number) - change * (changes[place * stride + i] as number)
        }
      }
    }
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
