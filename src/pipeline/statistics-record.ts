import { sha256 } from '../calibration/statistics.ts'
import { writeStatistics } from '../calibration/statistics-file.ts'
import type { Statistics } from '../model/statistics.ts'
import { GraphRecord, SEAM } from './graph-record.ts'

/**
 * What there is to do. `collect`: nothing is known, or a run ended early. `use`: all is known, nothing is run for ranges. `add`: all is
 * known, and there are samples that it does not come from.
 */
export type RecordUse = 'collect' | 'use' | 'add'

export interface RecordOptions {
  /** Fingerprint of the whole model, as it is quantized; nobody waits for it before `finish` or `save`. */
  readonly model: string | Promise<string>
  /** `choicesKey`. */
  readonly key: string
  /** Of an earlier run; finished unless it says so. */
  readonly saved?: Statistics
  /** What the samples are, in one text. */
  readonly data?: string
  readonly synthetic?: boolean
  /** There are samples at hand: what statistics do not hold may be found by running. */
  readonly hasData: boolean
  readonly use: RecordUse
  /** Keeps what is known so far. */
  readonly save?: (statistics: Statistics) => Promise<void>
}

/** Where a run that ended early says what samples it was over. */
export const DATA = 'data'

/** What a run knows of a model and all of its graphs, and what it chose: made by running it, or from a file, or both. */
export class StatisticsRecord {
  readonly use: RecordUse
  readonly hasData: boolean
  readonly main: GraphRecord
  readonly #options: RecordOptions
  readonly #bodies = new Map<string, GraphRecord>()
  #finished: boolean
  #seen: Pick<Statistics, 'labels' | 'digests'> | undefined
  #model = ''

  constructor(options: RecordOptions) {
    const { saved, use } = options
    this.#options = options
    this.use = use
    this.hasData = options.hasData
    this.#finished = use === 'use'
    this.main = this.#graph('', known(saved))
    for (const [name, part] of saved?.parts ?? []) {
      if (!name.startsWith(BODY)) continue
      if (!name.includes(SEAM)) this.#bodies.set(name.slice(BODY.length), this.#graph(name, part))
    }
  }

  /** Of one body, by its key. */
  body(key: string): GraphRecord {
    const found = this.#bodies.get(key) ?? this.#graph(BODY + key, undefined)
    this.#bodies.set(key, found)
    return found
  }

  /** All graphs have seen all samples. `seen`: the new ones, where the main graph has nothing to remember them with. */
  async finish(seen?: Pick<Statistics, 'labels' | 'digests'>): Promise<void> {
    if (this.#finished) return
    this.#seen = seen
    this.#finished = true
    this.#model = await this.#options.model
    await this.save()
  }

  async save(): Promise<void> {
    this.#model = await this.#options.model
    await this.#options.save?.(this.statistics())
  }

  /** As they are in a file. */
  statistics(): Statistics {
    const { data, synthetic } = this.#options
    const model = this.#model
    const { labels = [], digests = [] } = this.#seen ?? {}
    const nothing: Statistics = {
      ...{ model, labels: [], digests: [], values: new Map(), skipped: new Map(), carried: [] },
      ...(synthetic === true ? { synthetic } : {}),
    }
    const known = this.main.statistics ?? nothing
    const own: Statistics =
      labels.length === 0
        ? known
        : { ...known, labels: [...known.labels, ...labels], digests: [...(known.digests ?? []), ...digests] }
    const parts = new Map(this.main.more)
    for (const [key, body] of this.#bodies) {
      if (body.statistics !== undefined) parts.set(BODY + key, body.statistics)
      for (const [name, part] of body.more) parts.set(name, part)
    }
    const { unfinished: _, parts: __, ...rest } = own
    const choices = new Map([...(own.choices ?? [])].filter(([name]) => name !== DATA))
    if (!this.#finished && data !== undefined) choices.set(DATA, data)
    return {
      ...rest,
      ...(choices.size > 0 ? { choices } : {}),
      ...(parts.size > 0 ? { parts } : {}),
      ...(this.#finished ? {} : { unfinished: true as const }),
    }
  }

  /** SHA-256 of the file that holds them. */
  sha256(): Promise<string> {
    return sha256(writeStatistics(this.statistics()))
  }

  #graph(name: string, saved: Statistics | undefined): GraphRecord {
    const { key, use, hasData, saved: whole, model } = this.#options
    const fingerprint = name === '' ? { fingerprint: model } : {}
    const prefix = `${name}${SEAM}`
    const more = [...(whole?.parts ?? [])].filter(([part]) => part.startsWith(prefix))
    const save = () => this.save()
    return new GraphRecord({ name, key, use, hasData, saved, more: new Map(more), save, ...fingerprint })
  }
}

const BODY = 'body '

/** Of the main graph: none while nothing was seen. */
function known(saved: Statistics | undefined): Statistics | undefined {
  return saved?.unfinished && saved.labels.length === 0 ? undefined : saved
}
