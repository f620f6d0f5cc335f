import type { LearningKernels } from '../model/learning-kernels.ts'
import { exponential } from './elementary.ts'
import type { Machine } from './types.ts'

export type MachineKernels = Pick<
  LearningKernels,
  'multiplyRows' | 'transposeFloats' | 'softmaxRows' | 'softmaxGradRows' | 'combineFloats'
> & {
  readonly memory: ArrayBuffer
  reserve(byteLength: number): number
}

/** Multiplications of one call of a kernel; see `LearningKernels`. */
const MOST_MULTIPLICATIONS = 2 ** 22
/** Memory grows by so many bytes at once. */
const GROWTH = 2 ** 24
/** Tensors start at multiples of so many elements. */
const ALIGNMENT = 16

/** f32 on the memory of kernels, from its start: nobody else may use these kernels meanwhile. */
export class KernelMachine implements Machine {
  readonly #kernels: MachineKernels
  readonly #base: number
  #bytes = 0
  #floats: Float32Array
  #end: number
  /** What `multiply` has been asked for so far. */
  multiplications = 0

  constructor(kernels: MachineKernels) {
    this.#kernels = kernels
    this.#base = kernels.reserve(0)
    this.#end = this.#base / 4
    this.#floats = new Float32Array(kernels.memory)
  }

  get floats(): Float32Array {
    return this.#floats
  }

  get end(): number {
    return this.#end
  }

  take(count: number): number {
    const at = this.#end
    this.#end += Math.ceil(count / ALIGNMENT) * ALIGNMENT
    const needed = this.#end * 4 - this.#base
    if (needed > this.#bytes) {
      this.#bytes = Math.ceil(needed / GROWTH) * GROWTH
      this.#kernels.reserve(this.#bytes)
    }
    if (this.#floats.buffer !== this.#kernels.memory) this.#floats = new Float32Array(this.#kernels.memory)
    return at
  }

  release(mark: number): void {
    this.#end = mark
  }

  multiply(
    a: number,
    aRow: number,
    aStep: number,
    b: number,
    bStride: number,
    out: number,
    outStride: number,
    rows: number,
    depth: number,
    columns: number,
    add: boolean,
  ): void {
    this.multiplications += rows * depth * columns
    if (columns % 4 === 0) {
      this.#chunks(a, aRow, aStep, b, bStride, out, outStride, rows, depth, columns, add ? 1 : 0)
      return
    }
    const mark = this.#end
    const wide = Math.ceil(columns / 4) * 4
    const from = this.take(depth * wide)
    const to = this.take(rows * wide)
    const floats = this.#floats
    for (let d = 0; d < depth; d++) {
      const row = from + d * wide
      floats.copyWithin(row, b + d * bStride, b + d * bStride + columns)
      floats.fill(0, row + columns, row + wide)
    }
    if (add) {
      for (let r = 0; r < rows; r++) {
        floats.copyWithin(to + r * wide, out + r * outStride, out + r * outStride + columns)
        floats.fill(0, to + r * wide + columns, to + (r + 1) * wide)
      }
    }
    this.#chunks(a, aRow, aStep, from, wide, to, wide, rows, depth, wide, add ? 1 : 0)
    for (let r = 0; r < rows; r++) floats.copyWithin(out + r * outStride, to + r * wide, to + r * wide + columns)
    this.release(mark)
  }

  #chunks(
    a: number,
    aRow: number,
    aStep: number,
    b: number,
    bStride: number,
    out: number,
    outStride: number,
    rows: number,
    depth: number,
    columns: number,
    add: 0 | 1,
  ): void {
    const most = Math.max(4, Math.floor(MOST_MULTIPLICATIONS / (depth * columns) / 4) * 4)
    for (let row = 0; row < rows; row += most) {
      this.#kernels.multiplyRows(
        (a + row * aRow) * 4,
        aRow,
        aStep,
        b * 4,
        bStride,
        (out + row * outStride) * 4,
        outStride,
        Math.min(most, rows - row),
        depth,
        columns,
        add,
      )
    }
  }

  transpose(src: number, rows: number, columns: number, out: number): void {
    if (rows % 4 === 0 && columns % 4 === 0) {
      this.#kernels.transposeFloats(src * 4, columns, rows, columns, out * 4, rows)
    } else transposeIn(this.#floats, src, rows, columns, out)
  }

  softmax(src: number, rows: number, columns: number, out: number): void {
    this.#kernels.softmaxRows(src * 4, rows, columns, out * 4)
  }

  softmaxBack(shares: number, grad: number, rows: number, columns: number, to: number): void {
    this.#kernels.softmaxGradRows(shares * 4, grad * 4, rows, columns, to * 4)
  }

  combine(
    kind: 0 | 1 | 2,
    a: number,
    aStep: number,
    b: number,
    bStep: number,
    count: number,
    out: number,
    add: boolean,
  ): void {
    const [left, right] = [aStep === 0 ? 0 : 1, bStep === 0 ? 0 : 1] as const
    this.#kernels.combineFloats(kind, a * 4, left, b * 4, right, count, out * 4, add ? 1 : 0)
  }
}

/** f64 in plain TypeScript: what gradients are checked against. */
export class DoubleMachine implements Machine {
  #floats = new Float64Array(1024)
  #end = 0

  get floats(): Float64Array {
    return this.#floats
  }

  get end(): number {
    return this.#end
  }

  take(count: number): number {
    const at = this.#end
    this.#end += count
    if (this.#end > this.#floats.length) {
      const grown = new Float64Array(this.#end * 2)
      grown.set(this.#floats)
      this.#floats = grown
    }
    return at
  }

  release(mark: number): void {
    this.#end = mark
  }

  multiply(
    a: number,
    aRow: number,
    aStep: number,
    b: number,
    bStride: number,
    out: number,
    outStride: number,
    rows: number,
    depth: number,
    columns: number,
    add: boolean,
  ): void {
    const floats = this.#floats
    for (let r = 0; r < rows; r++) {
      for (let n = 0; n < columns; n++) {
        let sum = add ? (floats[out + r * outStride + n] as number) : 0
        for (let d = 0; d < depth; d++) {
          sum += (floats[a + r * aRow + d * aStep] as number) * (floats[b + d * bStride + n] as number)
        }
        floats[out + r * outStride + n] = sum
      }
    }
  }

  transpose(src: number, rows: number, columns: number, out: number): void {
    transposeIn(this.#floats, src, rows, columns, out)
  }

  softmax(src: number, rows: number, columns: number, out: number): void {
    const floats = this.#floats
    for (let row = 0; row < rows; row++) {
      const run = floats.subarray(src + row * columns, src + (row + 1) * columns)
      const most = run.reduce((a, b) => Math.max(a, b), -Infinity)
      const shares = run.map((value) => exponential(value - most))
      const sum = shares.reduce((a, b) => a + b, 0)
      for (let i = 0; i < columns; i++) floats[out + row * columns + i] = (shares[i] as number) / sum
    }
  }

  softmaxBack(shares: number, grad: number, rows: number, columns: number, to: number): void {
    const floats = this.#floats
    for (let first = 0; first < rows * columns; first += columns) {
      let sum = 0
      for (let i = first; i < first + columns; i++) sum += floats[shares + i]! * floats[grad + i]!
      for (let i = first; i < first + columns; i++) floats[to + i]! += floats[shares + i]! * (floats[grad + i]! - sum)
    }
  }

  combine(
    kind: 0 | 1 | 2,
    a: number,
    aStep: number,
    b: number,
    bStep: number,
    count: number,
    out: number,
    add: boolean,
  ): void {
    const floats = this.#floats
    for (let i = 0; i < count; i++) {
      const [x, y] = [floats[a + i * aStep]!, floats[b + i * bStep]!]
      const z = kind === 0 ? x + y : kind === 1 ? x - y : x * y
      floats[out + i] = add ? floats[out + i]! + z : z
    }
  }
}

function transposeIn(
  floats: Float32Array | Float64Array,
  src: number,
  rows: number,
  columns: number,
  out: number,
): void {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) floats[out + c * rows + r] = floats[src + r * columns + c] as number
  }
}
