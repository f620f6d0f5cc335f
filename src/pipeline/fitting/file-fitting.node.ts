import { sampleDigest } from '../../calibration/sample-digest.ts'
import { TersorError } from '../../errors.ts'
import type { Model } from '../../model/graph.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import { modelFingerprint } from '../model-fingerprint.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Prepared } from '../run.ts'
import { runtimeFor, samplesFor } from '../static/static-inputs.node.ts'
import { openStatistics, saveStatistics } from '../statistics-file.node.ts'
import { dataOf } from '../statistics-need.ts'
import { withoutData } from './asks-for-data.ts'
import { type FitFileOptions, fitOn } from './fit.node.ts'
import { fitKey, fitsIn, withFits } from './fit-record.ts'
import type { Fit, FitInput, FitResult } from './fitted.ts'
import type { OwnTexts } from './own-texts.node.ts'

export interface FileFittingOptions extends FitFileOptions {
  /** What codes are found on where no data are given. */
  readonly own?: OwnTexts
}

/**
 * Codes of weight-only schemes by the data of `--calib` (`fitOn`). With `--statistics`, those that were found before are used, and new ones
 * kept: nothing is run where there are no data, or where they are those of before.
 */
export class FileFitting {
  readonly #prepared: Prepared
  readonly #opened: OpenedModel
  readonly #options: FileFittingOptions
  readonly #tools: Tools
  #statistics: Statistics | undefined
  #opening: Promise<void> | undefined
  #digests: readonly string[] = []

  constructor(prepared: Prepared, opened: OpenedModel, options: FileFittingOptions, tools: Tools) {
    this.#prepared = prepared
    this.#opened = opened
    this.#options = options
    this.#tools = tools
  }

  /** SHA-256 of each sample that codes were found on. */
  get digests(): readonly string[] {
    return this.#digests
  }

  fitFor(ask: Ask): Fit {
    return async (input) => {
      const { statistics: path, calib, own } = this.#options
      this.#opening ??= this.#open()
      await this.#opening
      const key = fitKey(ask, this.#options)
      const known = this.#statistics && fitsIn(this.#statistics, key, input.plan)
      if (this.#statistics && known && calib === undefined) {
        this.#digests = this.#statistics.digests ?? []
        return { ...known, notes: [...known.notes, `codes come from ${path}: ${dataOf(this.#statistics)}`] }
      }
      // A file of what was found on given data is not written over.
      const isFree = this.#statistics === undefined || this.#statistics.synthetic === true
      if (calib === undefined && own && isFree) return this.#onOwnTexts(own, input, key, ask)
      if (calib === undefined) {
        if (this.#statistics === undefined) throw withoutData()
        throw new TersorError('E_USAGE', `${path}: these statistics hold no codes of this model for these options`, {
          where: '--statistics',
          hint: 'give the --to, --target and --rule of the run that wrote them, or --calib',
        })
      }
      return this.#run(input, key, known, ask, this.#options)
    }
  }

  /** As without data where the model writes none, which is said. */
  async #onOwnTexts(own: OwnTexts, input: FitInput, key: string, ask: Ask): Promise<FitResult> {
    const found = await own.texts()
    if ('why' in found) {
      if (ask.fitting !== undefined || this.#options.statistics !== undefined) throw withoutData(found.why)
      const nothing: FitResult = { fitted: new Map(), notes: [] }
      const { lowRank } = ask
      const plain = lowRank
        ? await (await import('../low-rank/low-rank-fit.ts')).lowRankFit(lowRank, undefined, this.#tools)(input)
        : nothing
      const note = `--effort best has no texts that the model writes itself: ${found.why}; codes are found without data`
      return { ...plain, notes: [...plain.notes, note] }
    }
    const result = await this.#run(input, key, undefined, ask, { ...this.#options, made: found.texts })
    return { ...result, notes: [found.note, ...result.notes] }
  }

  async #open(): Promise<void> {
    const { statistics: path } = this.#options
    if (path === undefined) return
    const fingerprint = await modelFingerprint(this.#prepared.model, this.#tools.signal)
    this.#statistics = await openStatistics(path, { fingerprint, values: [] })
  }

  async #run(
    input: FitInput,
    key: string,
    known: FitResult | undefined,
    ask: Ask,
    given: FitFileOptions,
  ): Promise<FitResult> {
    const { statistics: path } = given
    const { lowRank } = ask
    const options = { ...given, ...(lowRank ? { lowRank } : {}), weighted: ask.fitting === 'weighted' }
    const find = (): Promise<FitResult> => fitOn(this.#prepared, this.#opened, options, this.#tools)(input)
    if (path === undefined) return find()
    const seen = await this.#seen(input.model, given)
    this.#digests = seen.digests
    const same = String(this.#statistics?.digests) === String(seen.digests)
    if (known && same) {
      return { ...known, notes: [...known.notes, `codes come from ${path}, found on these data before`] }
    }
    const found = await find()
    const before = same ? this.#statistics : undefined
    const model = before?.model ?? (await modelFingerprint(this.#prepared.model, this.#tools.signal))
    const nothing: Statistics = {
      ...{ model, values: new Map(), skipped: new Map(), carried: [] },
      ...seen,
      ...(given.made ? { synthetic: true as const } : {}),
    }
    this.#statistics = withFits(before ?? nothing, key, found)
    await saveStatistics(path, this.#statistics)
    return found
  }

  /** The samples that codes are found on. */
  async #seen(model: Model, given: FitFileOptions): Promise<{ readonly labels: string[]; readonly digests: string[] }> {
    const runtime = await runtimeFor(this.#opened, given.threads)
    try {
      const samples = await samplesFor(model, this.#prepared, this.#opened, runtime, given)
      const [labels, digests]: [string[], string[]] = [[], []]
      for (let index = 0; index < samples.count; index++) {
        this.#tools.signal?.throwIfAborted()
        const { label, feeds } = await samples.at(index)
        labels.push(label)
        digests.push(await sampleDigest(feeds))
      }
      return { labels, digests }
    } finally {
      await runtime.close()
    }
  }
}
