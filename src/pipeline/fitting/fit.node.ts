import type { SampleSet } from '../../calibration/index.ts'
import { TersorError } from '../../errors.ts'
import type { Feeds, RuntimeSession } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { RankAsk } from '../../solvers/low-rank/index.ts'
import { learnOn } from '../learning/learn.node.ts'
import type { LearnEffort } from '../learning/learning-budget.ts'
import { manySamples } from '../learning/many-samples.ts'
import { findObservingRuntime } from '../observe-threads.node.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Prepared } from '../run.ts'
import { type StaticInputOptions, samplesFor } from '../static/static-inputs.node.ts'
import { TapSessions } from '../tap-sessions.node.ts'
import type { FitStore } from './fit-store.ts'
import { fitWeights } from './fit-weights.ts'
import type { FitWork } from './fit-work.node.ts'
import type { Fit, FitResult } from './fitted.ts'
import { RowThreads } from './row-threads.node.ts'

export interface FitFileOptions extends StaticInputOptions {
  readonly maxMemory?: number
  readonly effort?: LearnEffort
  /** 'gptq': its codes, and nothing is learned behind them. */
  readonly solver?: string
  /** Corrections of low rank behind the codes. */
  readonly lowRank?: RankAsk
  /** A search by errors that count by the second moments of the input, and nothing else. */
  readonly weighted?: boolean
  /** Keeps codes in a file until the result is complete. */
  readonly work?: FitWork
}

/**
 * What finds codes of weight-only schemes on the data of `--calib`: the model runs layer by layer, each on what the already quantized
 * layers before it give; then codes of few bits learn together. With `work`, what an earlier run of the same work left is gone on from. E_RUNTIME without an onnxruntime, E_UNSUPPORTED for models at an address.
 */
export function fitOn(prepared: Prepared, opened: OpenedModel, options: FitFileOptions, tools: Tools): Fit {
  return async (input) => {
    const { path } = opened
    if (path === undefined) {
      throw new TersorError('E_UNSUPPORTED', 'codes are fitted by running the model; download the file first', {
        hint: 'or solve weights by themselves: --solver search',
      })
    }
    const runtime = await findObservingRuntime(
      opened.source.byteLength,
      options.threads === undefined ? {} : { threads: options.threads },
    )
    if (!runtime) {
      throw new TersorError('E_RUNTIME', 'codes are fitted by running the model, and no onnxruntime was found', {
        hint: 'npm install onnxruntime-node, or --solver search',
      })
    }
    let fitted: FitResult
    let samples: SampleSet
    let store: FitStore | undefined
    try {
      samples = await samplesFor(input.model, prepared, opened, runtime, options)
      const limit = {
        ...(options.maxMemory === undefined ? {} : { mostBytes: Math.floor(options.maxMemory / 4) }),
        ...(options.lowRank ? { lowRank: options.lowRank } : {}),
        ...(options.weighted ? { weighted: true } : {}),
      }
      const file = await options.work?.open(input, samples, [runtime.name, runtime.version, limit], tools)
      store = file
      let rows: RowThreads | undefined
      try {
        const threadsFor = (tools: Tools): RowThreads => {
          rows = new RowThreads(tools, options)
          return rows
        }
        const found = { ...limit, rows: threadsFor, ...(file ? { store: file } : {}) }
        fitted = await fitWeights(input, samples, () => new TapSessions(runtime, tools), tools, found)
      } catch (thrown) {
        throw options.work?.ended(thrown, tools) ?? thrown
      } finally {
        await rows?.close()
      }
      fitted = { ...fitted, notes: [...(file?.notes ?? []), ...fitted.notes] }
      // Whoever names a solver wants its codes.
      if (options.solver === 'gptq' || options.weighted || options.effort === 'fast' || samples.count === 0)
        return fitted
      const all = (count?: number): Promise<SampleSet> =>
        samplesFor(input.model, prepared, opened, runtime, {
          ...options,
          noVerify: true,
          ...(count ? { samples: count } : {}),
        })
      if (options.samples === undefined) samples = await manySamples(samples, all)
      let float: RuntimeSession | undefined
      const answer = async (feeds: Feeds): Promise<Feeds> => {
        float ??= await runtime.open({ path }, { optimized: false, threads: 1 })
        return await float.run(feeds, tools.signal)
      }
      const { effort = 'default', seed, threads, maxMemory } = options
      const given = {
        ...(store ? { store } : {}),
        ...(seed === undefined ? {} : { seed }),
        ...(threads === undefined ? {} : { threads }),
        ...(maxMemory === undefined ? {} : { maxMemory }),
      }
      const sessions = (): TapSessions => new TapSessions(runtime, tools)
      try {
        return await learnOn(input, fitted, samples, { effort, answer, sessions, ...given }, tools)
      } catch (thrown) {
        throw options.work?.ended(thrown, tools) ?? thrown
      } finally {
        if (!tools.signal?.aborted) await float?.release()
      }
    } finally {
      await runtime.close()
    }
  }
}
