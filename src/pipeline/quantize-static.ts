import type { ByteSource } from '../bytes/types.ts'
import { type GivenSample, givenSamples } from '../calibration/given-samples.ts'
import { openSynthetic, type SampleSet } from '../calibration/index.ts'
import type { Calibrator } from '../calibration/ranges/index.ts'
import { sha256 } from '../calibration/statistics.ts'
import { readStatistics, writeStatistics } from '../calibration/statistics-file.ts'
import { asTersorError, TersorError } from '../errors.ts'
import type { Model } from '../model/graph.ts'
import type { Runtime, Sample } from '../model/runtime.ts'
import type { Statistics } from '../model/statistics.ts'
import type { Tools } from '../model/tools.ts'
import type { Ask } from './ask.ts'
import { collectWith } from './calibrate.ts'
import { preparedBodies } from './changed-bodies.ts'
import type { GraphRecord } from './graph-record.ts'
import { modelFingerprint } from './model-fingerprint.ts'
import { MemorySessions } from './model-sessions.ts'
import type { Phases } from './phases.ts'
import type { Prepared } from './run.ts'
import { statedInputs, statedSession } from './stated-sizes.ts'
import { GraphStage, type MemoryInputs } from './static/graph-stage.ts'
import { inputScaleNotes } from './static/input-scale.ts'
import { plainShare } from './static/integer-share.ts'
import { calibrating, judging, someOf } from './static/sample-roles.ts'
import { StaticBodies } from './static/static-bodies.ts'
import { openGraph } from './static/static-graph.ts'
import { readyStatic, type StaticReady, type StaticStage } from './static/static-model.ts'
import { wholeStage } from './static/whole-stage.ts'
import { requireProspect } from './static-prospect.ts'
import { choicesKey } from './statistics-choices.ts'
import { checkStatistics } from './statistics-need.ts'
import { StatisticsRecord } from './statistics-record.ts'
import { idLimits } from './token-tables.ts'

export interface StaticBytesOptions {
  /** Those of an earlier run, here or in Node: used instead of running the float model. */
  readonly statistics?: Statistics | ByteSource
  /** Data to find ranges on: feeds, pictures, .npy, .npz. */
  readonly calib?: readonly GivenSample[]
  /** How pictures become values: a preset, keys or the text of a preprocessor_config.json. */
  readonly preprocess?: string
  readonly skipBad?: boolean
  readonly calibrator?: Calibrator
  readonly effort?: 'fast' | 'default' | 'best'
  readonly transform?: string
  readonly maxMemory?: number
  readonly seed?: number
  /** Runs the float model where there are no statistics. */
  readonly runtime?: Runtime
  /** The data also have to judge: a part of them is held back. */
  readonly judged: boolean
}

export interface StaticBytes {
  readonly stage: StaticStage
  /** A statistics file: for the next run, here or in Node. */
  readonly file: Uint8Array
  readonly sha256: string
  /** Held back from `calib`. */
  readonly judging?: readonly Sample[]
}

const SYNTHETIC_SAMPLES = 32

/**
 * The static part of a run without files: the same statistics give the same model as in Node. E_USAGE where there are neither
 * statistics nor a runtime to collect them with, or where they are of another model.
 */
export async function quantizeStatic(
  prepared: Prepared,
  ask: Ask,
  options: StaticBytesOptions,
  tools: Tools,
  phases: Phases,
): Promise<StaticBytes> {
  const prospects = requireProspect(prepared.model, prepared.inventory, tools)
  const rewritten = await readyStatic(prepared, ask, phases)
  const found = await preparedBodies(rewritten.model)
  const ready = { ...rewritten, model: found.model, bodiesApart: true }
  const model = await modelFingerprint(ready.model, tools.signal)
  const saved = options.statistics === undefined ? undefined : await savedFor(options.statistics, model)
  const inputs = saved === undefined ? await inputsFor(ready.model, prepared, options, tools, phases) : NOTHING
  const synthetic = options.calib === undefined
  const base = { model, key: choicesKey(ask, options), synthetic }
  const record = new StatisticsRecord(
    saved ? { ...base, saved, use: 'use', hasData: false } : { ...base, use: 'collect', hasData: true },
  )
  const open = async (
    own: Prepared,
    form: StaticReady,
    graph: Pick<MemoryInputs, 'samples' | 'added'>,
    known: GraphRecord,
  ): Promise<GraphStage> => {
    const all: MemoryInputs = { ...inputs, samples: () => graph.samples(), added: () => graph.added() }
    const given = { prepared: own, ready: form, record: known, ask, options, tools, phases }
    const opened = await openGraph(given, async (values, from) => {
      const [samples, sessions] = [await all.added(), await all.sessions()]
      const limit = options.maxMemory === undefined ? {} : { maxMemory: options.maxMemory }
      const collected = await phases.time('calibrate', () =>
        collectWith(sessions, { model: form.model, values, samples, tools, synthetic, ...limit, ...from }),
      )
      return { ...collected, notes: [...samples.skipped, ...(samples.notes ?? []), ...collected.notes] }
    })
    return new GraphStage(opened, all)
  }
  const bodies = await StaticBodies.open(found, {
    ...{
      prepared,
      keep: ready.keep,
      forms: ready.forms ?? new Map(),
      inputs,
      record,
      synthetic,
      ask,
      tools,
      phases,
      open,
    },
    ...(options.maxMemory === undefined ? {} : { maxMemory: options.maxMemory }),
    newSessions: () => inputs.sessions(),
  })
  try {
    const main = await open(prepared, ready, inputs, record.main).catch((thrown: unknown) => {
      if (asTersorError(thrown).code !== 'E_PLAN' || bodies.isEmpty) throw thrown
      return null
    })
    await record.finish()
    const stage = await wholeStage(
      (await main?.stage()) ?? null,
      bodies,
      prepared,
      ready,
      ask,
      phases,
      async (parts) => (parts.length === 1 ? plainShare(parts[0]) : null),
    )
    const seen = record.main.statistics
    const scales = seen && !seen.synthetic ? await inputScaleNotes(ready.model, seen, tools.kernels) : []
    const file = writeStatistics(record.statistics())
    const back = inputs.judging === undefined ? {} : { judging: inputs.judging }
    return {
      stage: { ...stage, notes: [...prospects, ...scales, ...stage.notes] },
      file,
      sha256: await sha256(file),
      ...back,
    }
  } finally {
    await bodies.close()
  }
}

async function savedFor(given: Statistics | ByteSource, fingerprint: string): Promise<Statistics> {
  const saved = 'values' in given ? given : await readStatistics(given)
  checkStatistics(saved, { fingerprint, values: [] }, 'statistics')
  if (!saved.unfinished) return saved
  throw new TersorError('E_USAGE', 'these statistics are of a run that ended early', {
    hint: 'finish it where it began: run the same command again',
  })
}

const unasked = () =>
  Promise.reject(new TersorError('E_INTERNAL', 'statistics are given, and yet the model was to be run'))
const NOTHING: MemoryInputs = { samples: unasked, added: unasked, sessions: unasked }

async function inputsFor(
  model: Model,
  prepared: Prepared,
  options: StaticBytesOptions,
  tools: Tools,
  phases: Phases,
): Promise<MemoryInputs> {
  const { runtime } = options
  if (runtime === undefined) {
    throw new TersorError('E_USAGE', 'int8-static needs statistics, or a runtime to collect them with', {
      hint: 'pass statistics: a file written by --statistics, or runtime: ortRuntime(ort, ...) and calib: data',
    })
  }
  const sessions = new MemorySessions(runtime, tools)
  const { set, back } = await phases.time('samples', () => samplesFor(sessions, model, prepared, options, tools))
  return {
    samples: async () => set,
    added: async () => set,
    sessions: async () => new MemorySessions(runtime, tools),
    ...(back === undefined ? {} : { judging: back }),
  }
}

async function samplesFor(
  sessions: MemorySessions,
  model: Model,
  { inventory }: Prepared,
  options: StaticBytesOptions,
  tools: Tools,
): Promise<{ readonly set: SampleSet; readonly back?: readonly Sample[] }> {
  try {
    const session = await sessions.session('inputs', () => model)
    const limits = idLimits(inventory, model.graph)
    if (options.calib === undefined) {
      // Other inputs than those the proof draws.
      const seed = ((options.seed ?? 0) + 0x51a71c) >>> 0
      const signal = tools.signal ? { signal: tools.signal } : {}
      return {
        set: await openSynthetic(statedSession(session, model), { seed, most: SYNTHETIC_SAMPLES, limits, ...signal }),
      }
    }
    const { preprocess, skipBad } = options
    const set = await givenSamples(options.calib, statedInputs(session.inputs, model), {
      limits,
      states: model.graph.outputs,
      ...(preprocess === undefined ? {} : { preprocess }),
      ...(skipBad === undefined ? {} : { skipBad }),
    })
    const fitted = someOf(set, calibrating(set, options.judged))
    if (!options.judged) return { set: fitted }
    const back: Sample[] = []
    for (const index of judging(set)) back.push(await set.at(index))
    return { set: fitted, back }
  } finally {
    await sessions.keepOnly(new Set())
  }
}
