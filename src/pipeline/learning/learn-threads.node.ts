import type { ErrorFacts } from '../../errors.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { Feeds } from '../../model/runtime.ts'
import { AskedThread } from '../asked-thread.node.ts'
import { workerUrl } from '../worker-url.node.ts'
import type { DistillerGraph } from './distiller.ts'
import { addTo, type GradientRunner, PARTS, partsOf } from './gradient-runner.ts'
import type { OpenOrder, PartOrder } from './learn-worker.node.ts'
import { elementsOf, sharedFeeds, sharedFloats, slicesOf } from './shared-weights.ts'

const ENTRY = 'learn-worker.node.js'

interface Answer {
  readonly sum?: number
  readonly error?: ErrorFacts
}

type Thread = AskedThread<OpenOrder | PartOrder, Answer>

export interface ThreadOptions {
  readonly threads: number
  readonly kernels: Kernels['id']
  readonly met: readonly Float32Array[]
  /** The compiled entry of the threads; default that of dist/. */
  readonly entry?: URL
}

/** Parts of a step on threads of their own; what comes out is that of `OwnRunner`, bit for bit. */
export class ThreadedRunner implements GradientRunner {
  readonly #threads: readonly Thread[]
  readonly #weights: SharedArrayBuffer
  readonly #elements: readonly number[]
  readonly #parts: readonly SharedArrayBuffer[]
  #version = 0

  private constructor(threads: readonly Thread[], weights: SharedArrayBuffer, elements: readonly number[]) {
    this.#threads = threads
    this.#weights = weights
    this.#elements = elements
    this.#parts = threads.map(() => sharedFloats(elements))
  }

  static async open(graph: DistillerGraph, samples: readonly Feeds[], options: ThreadOptions): Promise<ThreadedRunner> {
    const elements = elementsOf(graph)
    const weights = sharedFloats(elements)
    const count = Math.max(1, Math.min(PARTS, options.threads))
    const entry = options.entry ?? workerUrl(ENTRY)
    const threads: readonly Thread[] = Array.from({ length: count }, () => new AskedThread(entry, 'learns'))
    const { met, kernels } = options
    const order: OpenOrder = { order: 'open', graph, samples: samples.map(sharedFeeds), met, kernels, weights }
    try {
      await Promise.all(threads.map((thread) => thread.ask(order)))
    } catch (thrown) {
      for (const thread of threads) await thread.close()
      throw thrown
    }
    return new ThreadedRunner(threads, weights, elements)
  }

  setWeights(weights: readonly Float32Array[]): void {
    for (const [index, slice] of slicesOf(this.#weights, this.#elements).entries())
      slice.set(weights[index] as Float32Array)
    this.#version += 1
  }

  async step(samples: readonly number[], gradients: readonly Float32Array[]): Promise<number> {
    const parts = partsOf(samples)
    let sum = 0
    // As many at once as there are threads, each with gradients of its own; added in the order of the parts.
    for (let first = 0; first < parts.length; first += this.#threads.length) {
      const some = parts.slice(first, first + this.#threads.length)
      const sums = await Promise.all(
        some.map((own, index) => {
          const gradients = this.#parts[index] as SharedArrayBuffer
          return sumOf(this.#threads[index] as Thread, this.#order(own, 1 / samples.length, gradients))
        }),
      )
      for (const [index, own] of sums.entries()) {
        const slices = slicesOf(this.#parts[index] as SharedArrayBuffer, this.#elements)
        for (const [at, into] of gradients.entries()) addTo(into, slices[at] as Float32Array)
        sum += own
      }
    }
    return sum / samples.length
  }

  async distance(samples: readonly number[]): Promise<number> {
    const sums = await this.#all(partsOf(samples))
    return samples.length === 0 ? 0 : sums.reduce((sum, own) => sum + own, 0) / samples.length
  }

  async close(): Promise<void> {
    for (const thread of this.#threads) await thread.close()
  }

  #order(samples: readonly number[], weight: number, gradients?: SharedArrayBuffer): PartOrder {
    return { order: 'part', samples, weight, version: this.#version, ...(gradients ? { gradients } : {}) }
  }

  /** Distances; every thread takes the next part that nobody has. */
  async #all(parts: readonly (readonly number[])[]): Promise<readonly number[]> {
    const sums = new Array<number>(parts.length).fill(0)
    let next = 0
    const work = async (thread: Thread): Promise<void> => {
      for (let index = next++; index < parts.length; index = next++) {
        sums[index] = await sumOf(thread, this.#order(parts[index] as readonly number[], 0))
      }
    }
    await Promise.all(this.#threads.map(work))
    return sums
  }
}

async function sumOf(thread: Thread, order: PartOrder): Promise<number> {
  return (await thread.ask(order)).sum ?? Number.NaN
}
