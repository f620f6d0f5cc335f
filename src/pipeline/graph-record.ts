import { mergeStatistics } from '../calibration/merge-statistics.ts'
import type { Model } from '../model/graph.ts'
import type { Statistics } from '../model/statistics.ts'
import type { Calibration, CollectOptions } from './calibrate.ts'
import { modelFingerprint } from './model-fingerprint.ts'
import type { LearnResult } from './static/learn-weights.node.ts'
import type { Fit, StaticChoices } from './static/static-model.ts'
import type { StaticConstants } from './static/static-weights.ts'
import { choicesIn, withChoices } from './statistics-choices.ts'
import { constantsIn, withConstants } from './statistics-constants.ts'
import { learnedIn, withLearned } from './statistics-learned.ts'
import { checkStatistics } from './statistics-need.ts'

export interface GraphRecordOptions {
  /** Of the graph among those of the model; empty for the main one. */
  readonly name: string
  readonly key: string
  readonly use: 'collect' | 'use' | 'add'
  readonly hasData: boolean
  readonly saved: Statistics | undefined
  /** Where it is known already, or soon. */
  readonly fingerprint?: string | Promise<string>
  /** Statistics of the graph after a change, by name of the part. */
  readonly more: ReadonlyMap<string, Statistics>
  readonly save: () => Promise<void>
}

export interface KnownStatistics {
  readonly statistics: Statistics
  readonly notes: readonly string[]
}

/** What was found by running a quantized graph. */
export interface Fitted {
  readonly constants?: { readonly plain: StaticConstants; readonly refined: StaticConstants }
  readonly learned?: LearnResult
}

/** What collecting goes on from, and where it leaves what it saw when it ends early. */
export type CollectFrom = Pick<CollectOptions, 'onPartial' | 'resume' | 'fingerprint'>

const REASON = 'reason'
/** Between the name of a graph and that of statistics of it after a change. */
export const SEAM = ' > '

/** What is known of one graph of a model, and what was chosen for it. */
export class GraphRecord {
  readonly #options: GraphRecordOptions
  #saved: Statistics | undefined
  #statistics: Statistics | undefined
  /** More samples have nothing to say about it. */
  #isComplete = false
  #more: ReadonlyMap<string, Statistics>

  constructor(options: GraphRecordOptions) {
    this.#options = options
    this.#saved = options.saved
    this.#statistics = options.saved
    this.#more = options.more
  }

  /** Samples are at hand: what is not known may be found by running. */
  get hasData(): boolean {
    return this.#options.hasData
  }

  /** Everything about this graph is known: nothing has to be run for its ranges. */
  get isKnown(): boolean {
    const { use } = this.#options
    return this.#saved !== undefined && this.#saved.unfinished !== true && (use !== 'add' || this.#isComplete)
  }

  get statistics(): Statistics | undefined {
    return this.#statistics
  }

  get more(): ReadonlyMap<string, Statistics> {
    return this.#more
  }

  /** Why a body has no samples of its own, where that is known. */
  get reason(): string | undefined {
    const reason = this.#saved?.choices?.get(REASON)
    return typeof reason === 'string' ? reason : undefined
  }

  /** The same with what was found now: samples of before count where there are no new ones, new ones where there were none. */
  settle(now: string | undefined): string | undefined {
    if (this.#saved === undefined || now === this.reason) return now
    if (this.reason === undefined) this.#isComplete = true
    else this.#saved = undefined
    return undefined
  }

  /** What was chosen under the key of this run; undefined where nothing was. */
  get choices(): StaticChoices | undefined {
    return this.#statistics && choicesIn(this.#statistics, this.#options.key)
  }

  /** What was seen after the change that was chosen under that key. */
  get fresh(): Statistics | undefined {
    return this.#more.get(this.#changed)
  }

  get #changed(): string {
    return `${this.#options.name}${SEAM}${this.#options.key}`
  }

  /** What was fitted under that key, in the place of what finds it by running. */
  get fit(): Fit {
    if (this.#statistics === undefined) return {}
    const constants = constantsIn(this.#statistics, this.#options.key)
    const learned = learnedIn(this.#statistics, this.#options.key)
    return {
      ...(constants && { refine: async (_, plain) => constants(plain) }),
      ...(learned && { learn: async () => learned }),
    }
  }

  /** What was seen of these values: known, or collected and remembered. E_USAGE where known statistics are of something else. */
  async known(
    { model, values, reason }: { readonly model: Model; readonly values: readonly string[]; readonly reason?: string },
    collect: (from: CollectFrom) => Promise<Calibration>,
  ): Promise<KnownStatistics> {
    const { name, use, save } = this.#options
    const saved = this.#saved
    const label = name === '' ? '--statistics' : `--statistics, ${name}`
    const fingerprint = this.#options.fingerprint ?? modelFingerprint(model)
    if (saved !== undefined) checkStatistics(saved, { fingerprint: await fingerprint, values }, label)
    if (this.isKnown) return { statistics: saved as Statistics, notes: [] }
    const onPartial = async (partial: Statistics): Promise<void> => {
      // What more data add is kept whole or not at all: the file stays what it was.
      if (use === 'add') return
      this.#statistics = { ...partial, unfinished: true }
      await save()
    }
    const resume = saved?.unfinished ? { resume: saved } : {}
    const { statistics, notes } = await collect({ fingerprint, onPartial, ...resume })
    const all = saved !== undefined && use === 'add' ? mergeStatistics(saved, statistics) : statistics
    this.#statistics = reason === undefined ? all : { ...all, choices: new Map([[REASON, reason]]) }
    this.#more = new Map()
    if (use !== 'add') await save()
    return { statistics: this.#statistics, notes }
  }

  /** Remembers what was chosen, and what was fitted, beside what was seen. */
  async keep(
    seen: Statistics,
    choices: StaticChoices,
    { constants, learned }: Fitted = {},
    fresh?: Statistics,
  ): Promise<void> {
    const { key, save } = this.#options
    const { choices: before = new Map(), arrays = new Map() } = this.#statistics ?? {}
    let all = withChoices({ ...seen, choices: before, arrays }, key, choices)
    if (constants) all = withConstants(all, key, constants.plain, constants.refined)
    if (learned) all = withLearned(all, key, learned)
    this.#statistics = all
    const more = new Map([...this.#more].filter(([name]) => name !== this.#changed))
    this.#more = fresh ? more.set(this.#changed, fresh) : more
    await save()
  }
}
