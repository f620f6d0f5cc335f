import { availableParallelism } from 'node:os'
import { type ErrorFacts, TersorError } from '../../errors.ts'
import type { Tools } from '../../model/tools.ts'
import { type GramBasis, ROWS_TOGETHER } from '../../solvers/gram/basis.ts'
import { blockOf, type GramCodes, type GramRows } from '../../solvers/gram/rows.ts'
import type { GramChoice, GramSolver } from '../../solvers/gram/solve-gram.ts'
import { AskedThread } from '../asked-thread.node.ts'
import { paced } from '../breath.ts'
import { workerUrl } from '../worker-url.node.ts'
import { ownRows, type RowSolving } from './row-solving.ts'
import type { RowOrder } from './row-worker.node.ts'

const ENTRY = 'row-worker.node.js'
/** Products of all rows and the matrix below which threads are not worth their memory. */
const LEAST_WORK = 2 ** 31
/** Bytes of a thread for each element of the matrix: its own copy in the memory of the kernels, or the packed factor. */
const THREAD_BYTES = 5
/** And besides: code, and rows that are not yet collected. */
const THREAD_BASE = 96 * 2 ** 20
/** Bytes that all threads may take together when no limit is given. */
const MOST_BYTES = 2 ** 30
/** Part of the memory that is given to what threads hold. */
const ROOM = 1 / 4

export interface RowThreadOptions {
  /** Default: as many as the machine has cores. */
  readonly threads?: number
  /** Bytes; fewer threads solve, or none. */
  readonly maxMemory?: number
  /** Products that are worth a thread; default 2^31. */
  readonly leastWork?: number
  /** The compiled entry of the threads; default that of dist/. */
  readonly entry?: URL
}

/** Rows of large weights on threads of their own, each some neighbours; what comes out is that of `ownRows`, bit for bit. */
export class RowThreads implements RowSolving {
  readonly #tools: Tools
  readonly #options: RowThreadOptions
  readonly #own: RowSolving
  readonly #threads: AskedThread<RowOrder, RowAnswer>[] = []
  #taken: Float32Array[] = []
  #free: Float32Array[] = []

  constructor(tools: Tools, options: RowThreadOptions = {}) {
    this.#tools = tools
    this.#options = options
    this.#own = ownRows(tools)
  }

  // Shared memory is not what makes V8 collect: it is used again instead of being left to the collector.
  readonly floats = (length: number): Float32Array => {
    const at = this.#free.findIndex((one) => one.length === length)
    const found = at < 0 ? new Float32Array(new SharedArrayBuffer(length * 4)) : this.#free.splice(at, 1)[0]?.fill(0)
    this.#taken.push(found as Float32Array)
    return found as Float32Array
  }

  forget(): void {
    // What the last layers had no use for is not kept for others.
    this.#free = this.#taken
    this.#taken = []
  }

  async aimed(solver: GramSolver, rows: GramRows, choice: GramChoice): Promise<GramRows | null> {
    const parts = this.#parts(rows)
    if (parts.length < 2 || !(choice.drift > 0)) return await this.#own.aimed(solver, rows, choice)
    const basis = await paced(solver.basisSteps({ ...choice, ordered: false }), this.#tools)
    if (basis === null) return null
    const found = await this.#ask(basis, parts, choice.drift)
    const values = new Float32Array(rows.values.length)
    let at = 0
    for (const one of found) {
      values.set(one.values as Float32Array, at)
      at += (one.values as Float32Array).length
    }
    return { ...rows, values }
  }

  async code(solver: GramSolver, aimed: GramRows, choice: GramChoice): Promise<GramCodes | null> {
    const parts = this.#parts(aimed)
    if (parts.length < 2) return await this.#own.code(solver, aimed, choice)
    const basis = await paced(solver.basisSteps(choice), this.#tools)
    if (basis === null) return null
    const found = (await this.#ask(basis, parts)).map(({ codes }) => codes as GramCodes)
    const { channels, depth } = aimed
    const grids = channels * Math.ceil(depth / blockOf(aimed))
    const all = {
      codes: new Uint8Array(channels * depth),
      scales: new Float32Array(grids),
      zeros: new Uint8Array(grids),
    }
    let [atCode, atGrid] = [0, 0]
    for (const { codes, scales, zeros } of found) {
      all.codes.set(codes, atCode)
      all.scales.set(scales, atGrid)
      all.zeros.set(zeros, atGrid)
      atCode += codes.length
      atGrid += scales.length
    }
    return all
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map((thread) => thread.close()))
  }

  /** Neighbours for each thread, from a multiple of what is solved side by side. */
  #parts(rows: GramRows): readonly GramRows[] {
    const { channels, depth, values, spec } = rows
    const { threads = availableParallelism(), maxMemory, leastWork = LEAST_WORK } = this.#options
    // Runs go on from row to row.
    if (channels * depth * depth < leastWork || spec.granularity.kind === 'run') return [rows]
    const room = maxMemory === undefined ? MOST_BYTES : maxMemory * ROOM
    const most = Math.min(
      threads,
      Math.floor(room / (THREAD_BASE + THREAD_BYTES * depth * depth)),
      channels / ROWS_TOGETHER,
    )
    const each = Math.ceil(channels / ROWS_TOGETHER / Math.max(1, Math.floor(most))) * ROWS_TOGETHER
    const parts: GramRows[] = []
    for (let first = 0; first < channels; first += each) {
      const count = Math.min(each, channels - first)
      parts.push({ ...rows, channels: count, values: values.slice(first * depth, (first + count) * depth) })
    }
    return parts
  }

  async #ask(basis: GramBasis, parts: readonly GramRows[], drift?: number): Promise<readonly RowAnswer[]> {
    const { kernels, signal } = this.#tools
    while (this.#threads.length < parts.length) {
      this.#threads.push(new AskedThread(this.#options.entry ?? workerUrl(ENTRY), 'solves rows'))
    }
    const stop = (): void => {
      for (const thread of this.#threads) thread.fail(new TersorError('E_ABORTED', 'stopped by the user'))
    }
    signal?.addEventListener('abort', stop)
    try {
      return await Promise.all(
        parts.map((rows, index) =>
          (this.#threads[index] as AskedThread<RowOrder, RowAnswer>).ask({
            ...{ kernels: kernels.id, basis, rows },
            ...(drift === undefined ? {} : { drift }),
          }),
        ),
      )
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }
}

interface RowAnswer {
  readonly codes?: GramCodes
  readonly values?: Float32Array
  readonly error?: ErrorFacts
}
