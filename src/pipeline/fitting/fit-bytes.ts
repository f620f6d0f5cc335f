import type { ByteSource } from '../../bytes/types.ts'
import { type GivenSample, givenSamples } from '../../calibration/given-samples.ts'
import { sampleDigest } from '../../calibration/sample-digest.ts'
import { readStatistics, writeStatistics } from '../../calibration/statistics-file.ts'
import { TersorError } from '../../errors.ts'
import type { Runtime, Sample } from '../../model/runtime.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import { modelFingerprint } from '../model-fingerprint.ts'
import { MemorySessions } from '../model-sessions.ts'
import type { Prepared } from '../run.ts'
import { statedInputs } from '../stated-sizes.ts'
import { calibrating, judging, someOf } from '../static/sample-roles.ts'
import { checkStatistics } from '../statistics-need.ts'
import { idLimits } from '../token-tables.ts'
import { withoutData } from './asks-for-data.ts'
import { fitKey, fitsIn, withFits } from './fit-record.ts'
import { fitWeights } from './fit-weights.ts'
import type { Fit } from './fitted.ts'

export interface BytesFitOptions {
  readonly statistics?: Statistics | ByteSource
  readonly calib?: readonly GivenSample[]
  readonly preprocess?: string
  readonly skipBad?: boolean
  readonly maxMemory?: number
  readonly effort?: 'fast' | 'default' | 'best'
  readonly runtime?: Runtime
  /** The data also have to judge: a part of them is held back. */
  readonly judged: boolean
}

/** Codes found on data without files: from statistics of an earlier run, here or in Node, or by running the model on `calib`. */
export class BytesFitting {
  readonly #prepared: Prepared
  readonly #options: BytesFitOptions
  readonly #tools: Tools
  #judging: readonly Sample[] | undefined
  #made: Statistics | undefined

  constructor(prepared: Prepared, options: BytesFitOptions, tools: Tools) {
    this.#prepared = prepared
    this.#options = options
    this.#tools = tools
  }

  /** Held back from `calib`. */
  get judging(): readonly Sample[] | undefined {
    return this.#judging
  }

  /** A statistics file, for the next run here or in Node. */
  get file(): Uint8Array | undefined {
    return this.#made && writeStatistics(this.#made)
  }

  fitFor(ask: Ask): Fit {
    return async (input) => {
      const { statistics, calib, runtime, maxMemory } = this.#options
      const tools = this.#tools
      const key = fitKey(ask, this.#options)
      const model = await modelFingerprint(this.#prepared.model, tools.signal)
      if (statistics !== undefined) {
        const saved = 'values' in statistics ? statistics : await readStatistics(statistics)
        checkStatistics(saved, { fingerprint: model, values: [] }, 'statistics')
        const known = fitsIn(saved, key, input.plan)
        if (known) {
          this.#made = saved
          return known
        }
        throw new TersorError('E_USAGE', 'these statistics hold no codes of this model for these options', {
          where: 'statistics',
          hint: 'give the options of the run that wrote them',
        })
      }
      if (calib === undefined) throw withoutData()
      if (runtime === undefined) {
        throw new TersorError('E_USAGE', 'codes are found by running the model, which needs a runtime', {
          hint: 'pass runtime: ortRuntime(ort, ...), or statistics: a file written by --statistics',
        })
      }
      const sessions = new MemorySessions(runtime, tools)
      const set = await this.#samples(sessions, input.model, calib)
      const [labels, digests]: [string[], string[]] = [[], []]
      for (let index = 0; index < set.count; index++) {
        const { label, feeds } = await set.at(index)
        labels.push(label)
        digests.push(await sampleDigest(feeds))
      }
      const limit = {
        ...(maxMemory === undefined ? {} : { mostBytes: Math.floor(maxMemory / 4) }),
        ...(ask.lowRank ? { lowRank: ask.lowRank } : {}),
        ...(ask.fitting === 'weighted' ? { weighted: true } : {}),
      }
      const found = await fitWeights(input, set, () => new MemorySessions(runtime, tools), tools, limit)
      const seen: Statistics = { model, labels, digests, values: new Map(), skipped: new Map(), carried: [] }
      this.#made = withFits(seen, key, found)
      return found
    }
  }

  async #samples(sessions: MemorySessions, model: Prepared['model'], calib: readonly GivenSample[]) {
    const { preprocess, skipBad, judged } = this.#options
    try {
      const session = await sessions.session('inputs', () => model)
      const set = await givenSamples(calib, statedInputs(session.inputs, model), {
        limits: idLimits(this.#prepared.inventory, model.graph),
        states: model.graph.outputs,
        ...(preprocess === undefined ? {} : { preprocess }),
        ...(skipBad === undefined ? {} : { skipBad }),
      })
      if (judged) {
        const back: Sample[] = []
        for (const index of judging(set)) back.push(await set.at(index))
        this.#judging = back
      }
      return someOf(set, calibrating(set, judged))
    } finally {
      await sessions.keepOnly(new Set())
    }
  }
}
