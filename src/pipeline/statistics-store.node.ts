import type { Model } from '../model/graph.ts'
import type { Statistics } from '../model/statistics.ts'
import type { Calibration, CollectOptions } from './calibrate.ts'
import { modelFingerprint } from './model-fingerprint.ts'
import type { StaticChoices } from './static/static-model.ts'
import { NO_CHOICES } from './static/static-model.ts'
import type { StaticConstants } from './static/static-weights.ts'
import { choicesIn, withChoices } from './statistics-choices.ts'
import { constantsIn, withConstants } from './statistics-constants.ts'
import { type KnownStatistics, openStatistics, savedOrCollected, saveStatistics } from './statistics-file.node.ts'
import { checkStatistics } from './statistics-need.ts'

/** What a run knows of a model and what it chose, in a file for the next one; without a path nothing is read or written. */
export class StatisticsStore {
  /** Of a finished run: nothing has to be run. */
  readonly saved: Statistics | undefined
  /** What that run chose under this key. */
  readonly choices: StaticChoices
  /** What that run fitted under this key, laid over what follows from the statistics alone. */
  readonly constants: ((plain: StaticConstants) => StaticConstants) | undefined
  readonly #path: string | undefined
  readonly #fingerprint: string
  readonly #key: string

  /** Errors of `openStatistics`. `model`: as it is quantized; `key`: `choicesKey`. */
  static async open(
    path: string | undefined,
    model: Model,
    key: string,
    signal?: AbortSignal,
  ): Promise<StatisticsStore> {
    const fingerprint = await modelFingerprint(model, signal)
    const found = path === undefined ? undefined : await openStatistics(path, { fingerprint, values: [] })
    return new StatisticsStore(path, fingerprint, key, found?.unfinished ? undefined : found)
  }

  private constructor(path: string | undefined, fingerprint: string, key: string, saved: Statistics | undefined) {
    this.#path = path
    this.#fingerprint = fingerprint
    this.#key = key
    this.saved = saved
    this.choices = (saved && choicesIn(saved, key)) ?? NO_CHOICES
    this.constants = saved && constantsIn(saved, key)
  }

  /** Those of the file, else what `collect` gives. E_USAGE where the file lacks values. */
  async known(
    values: readonly string[],
    collect: (
      from: Pick<CollectOptions, 'onPartial' | 'resume'> & { readonly fingerprint: string },
    ) => Promise<Calibration>,
  ): Promise<KnownStatistics> {
    const fingerprint = this.#fingerprint
    if (this.#path === undefined) return { ...(await collect({ fingerprint })), saved: false }
    if (this.saved !== undefined) checkStatistics(this.saved, { fingerprint, values }, this.#path)
    return savedOrCollected(this.#path, { fingerprint, values }, (from) => collect({ ...from, fingerprint }))
  }

  /** Writes what was chosen, and fitted, beside what was seen; gives the statistics as they are in the file. */
  async keep(
    statistics: Statistics,
    choices: StaticChoices,
    fitted?: { readonly plain: StaticConstants; readonly refined: StaticConstants },
  ): Promise<Statistics> {
    const chosen = withChoices(statistics, this.#key, choices)
    const all = fitted ? withConstants(chosen, this.#key, fitted.plain, fitted.refined) : chosen
    if (this.#path !== undefined) await saveStatistics(this.#path, all)
    return all
  }
}
