import { floatsOf } from '../calibration/convert.ts'
import { asSingles, ValueCollector } from '../calibration/value-collector.ts'
import { TersorError } from '../errors.ts'
import type { Kernels } from '../model/kernels.ts'
import type { Feeds, Value } from '../model/runtime.ts'
import type { ValueStatistics } from '../model/statistics.ts'
import type { WantedRanges } from './observe-places.ts'
import { rangesIn } from './ranged-model.ts'
import { FLOATS } from './tapped-model.ts'

/** What one place has seen of a value: samples of these indices, in this order. */
export interface SeenPart {
  readonly indices: readonly number[]
  readonly statistics: ValueStatistics
}

export interface Watched {
  readonly seen: ReadonlyMap<string, SeenPart>
  /** Values that cannot be remembered: the first sample for which that showed, and why. */
  readonly lost: ReadonlyMap<string, { readonly index: number; readonly reason: string }>
}

/** Remembers values of the samples that one place gets, until it is asked for them. */
export class ValueWatch {
  readonly #kernels: Kernels
  readonly #axes: ReadonlyMap<string, number>
  readonly #least: number | undefined
  #seen = new Map<string, { readonly indices: number[]; readonly collector: ValueCollector }>()
  #lost = new Map<string, { readonly index: number; readonly reason: string }>()

  /** `axes`: channel dimensions of values; `least`: values of a sample that are counted, default all. */
  constructor(kernels: Kernels, axes: ReadonlyMap<string, number>, least?: number) {
    this.#kernels = kernels
    this.#axes = axes
    this.#least = least
  }

  add(index: number, name: string, value: Value): void {
    this.#see(index, name, (collector) => added(collector, value))
  }

  /** What a copy that gives ranges has given. */
  addRanges(index: number, { of, wanted }: WantedRanges, results: Feeds): void {
    for (const [at, range] of rangesIn(results, of).entries()) {
      const name = of.values[at] as string
      if (wanted.has(name)) this.#see(index, name, (collector) => reasonOf(() => collector.addRange(range)))
    }
  }

  #see(index: number, name: string, look: (collector: ValueCollector) => string | undefined): void {
    if (this.#lost.has(name)) return
    let known = this.#seen.get(name)
    if (known === undefined) {
      known = {
        indices: [],
        collector: new ValueCollector(this.#kernels, this.#axes.get(name), undefined, this.#least),
      }
      this.#seen.set(name, known)
    }
    const reason = look(known.collector)
    if (reason === undefined) known.indices.push(index)
    else this.#lost.set(name, { index, reason })
  }

  /** What was seen since the last time. */
  take(): Watched {
    const seen = new Map<string, SeenPart>()
    for (const [name, { indices, collector }] of this.#seen)
      if (indices.length > 0) seen.set(name, { indices, statistics: collector.statistics() })
    const lost = this.#lost
    this.#seen = new Map()
    this.#lost = new Map()
    return { seen, lost }
  }
}

export function pick(values: Feeds, names: readonly string[]): Feeds {
  return Object.fromEntries(names.flatMap((name) => (Object.hasOwn(values, name) ? [[name, values[name]!]] : [])))
}

/** Adds a value to what is remembered, or says why it cannot be remembered. */
function added(collector: ValueCollector, value: Value): string | undefined {
  if (!FLOATS.has(value.dtype)) return `elements of type ${value.dtype}`
  return reasonOf(() => collector.add(asSingles(floatsOf(value)), value.shape))
}

function reasonOf(add: () => void): string | undefined {
  try {
    add()
    return undefined
  } catch (thrown) {
    if (thrown instanceof TersorError && thrown.code === 'E_NONFINITE') return thrown.message
    throw thrown
  }
}
