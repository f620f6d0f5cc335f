import { sampleDigest } from '../calibration/sample-digest.ts'
import type { Model } from '../model/graph.ts'
import type { Feeds } from '../model/runtime.ts'
import type { Tools } from '../model/tools.ts'
import { breather } from './breath.ts'
import type { ModelSessions } from './model-sessions.ts'
import { type Ranged, rangedModel } from './ranged-model.ts'
import { tappedModel } from './tapped-model.ts'
import { SIZES } from './value-sizes.ts'
import { pick, ValueWatch, type Watched } from './value-watch.ts'

/** One sample, and what is to be looked at when the model runs on it. */
export interface Look {
  readonly index: number
  readonly feeds: Feeds
  /** Fed values that are looked at. */
  readonly inputs: readonly string[]
  /** Values of the graph that are looked at in full, part by part: a run for each. */
  readonly parts: readonly (readonly string[])[]
  /** Values that are handed back. */
  readonly also: readonly string[]
  /** The digest of what is fed is wanted. */
  readonly isNew: boolean
  /** Buffers of what is fed may be moved away. */
  readonly isOwn: boolean
  /** In the place of parts; then nothing is handed back. */
  readonly ranges?: WantedRanges & {
    /** The same for every sample and in every pass: the copy runs optimized, and what the executor fuses depends on what it has to give. */
    readonly of: Ranged
  }
}

/** Of the values of the graph only ranges are looked at. */
export interface WantedRanges {
  readonly of: Pick<Ranged, 'values' | 'pooled'>
  /** Those of them that are looked at. */
  readonly wanted: ReadonlySet<string>
}

/** What was to be handed back, and the digest of what was fed where it was wanted. */
export interface Looked {
  readonly given: Feeds
  readonly digest?: string
}

/** Key of the session that gives ranges. */
export const RANGES = 'ranges'

/** Where the model runs and values are looked at: here, or in a thread. */
export interface Place {
  /** Samples that may be under way here at once. */
  readonly room: number
  /** Copies of fetched activations held here at once. */
  readonly copies: number
  /** Resolves once the sample has been seen. */
  look(one: Look): Promise<Looked>
  /** What was seen here since the last time, when nothing is under way. */
  take(): Promise<Watched>
}

/** Runs sessions of its caller and looks at what they give in this thread, while they work on the next sample. */
export class LocalPlace implements Place {
  readonly room = 2
  /** The executor's, the one handed over, and the one before that is still being counted. */
  readonly copies = 4
  readonly #model: Model
  readonly #sessions: ModelSessions
  readonly #tools: Tools
  readonly #watch: ValueWatch
  readonly #breathe = breather()
  /** Sessions in use, of looks of both kinds. */
  readonly #keys = new Map<boolean, readonly string[]>()
  #running: Promise<unknown> = Promise.resolve()
  #looking: Promise<unknown> = Promise.resolve()

  constructor(model: Model, sessions: ModelSessions, axes: ReadonlyMap<string, number>, tools: Tools, least?: number) {
    this.#model = model
    this.#sessions = sessions
    this.#tools = tools
    this.#watch = new ValueWatch(tools.kernels, axes, least)
  }

  look(one: Look): Promise<Looked> {
    const { index, feeds, inputs, parts, also, ranges } = one
    let looked: Promise<unknown> = Promise.resolve()
    const ran = this.#running.then(async () => {
      this.#keys.set(ranges !== undefined, ranges ? [RANGES] : parts.map(keyOf))
      await this.#sessions.keepOnly(new Set([SIZES, ...[...this.#keys.values()].flat()]))
      let results: Feeds = {}
      if (ranges) {
        const session = await this.#sessions.session(RANGES, () => rangedModel(this.#model, ranges.of), true)
        const found = await session.run(feeds, this.#tools.signal)
        looked = this.#looking.then(async () => {
          await this.#observe(index, pick(feeds, inputs))
          this.#watch.addRanges(index, ranges, found)
        })
        looked.catch(() => undefined)
        this.#looking = looked.catch(() => undefined)
      }
      for (const [at, part] of parts.entries()) {
        const running = this.#run(part, also, feeds)
        // Of the parts before this one.
        running.catch(() => undefined)
        await looked
        results = await running
        const seen = at === 0 ? { ...pick(feeds, inputs), ...pick(results, part) } : pick(results, part)
        looked = this.#looking.then(() => this.#observe(index, seen))
        looked.catch(() => undefined)
        this.#looking = looked.catch(() => undefined)
      }
      return results
    })
    this.#running = ran.catch(() => undefined)
    return ran.then(async (results) => {
      await looked
      return { given: pick(results, also), ...(one.isNew ? { digest: await sampleDigest(feeds) } : {}) }
    })
  }

  async take(): Promise<Watched> {
    return this.#watch.take()
  }

  async #run(values: readonly string[], also: readonly string[], feeds: Feeds): Promise<Feeds> {
    if (values.length + also.length === 0) return {}
    const session = await this.#sessions.session(keyOf(values), () => tappedModel(this.#model, values, also))
    return session.run(feeds, this.#tools.signal)
  }

  async #observe(index: number, values: Feeds): Promise<void> {
    for (const [name, value] of Object.entries(values)) {
      await this.#breathe()
      this.#watch.add(index, name, value)
    }
  }
}

export function keyOf(values: readonly string[]): string {
  return JSON.stringify(values)
}
