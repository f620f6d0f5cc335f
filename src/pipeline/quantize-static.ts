import type { ByteSource } from '../bytes/types.ts'
import { type GivenSample, givenSamples } from '../calibration/given-samples.ts'
import { openSynthetic, type SampleSet } from '../calibration/index.ts'
import type { Calibrator } from '../calibration/ranges/index.ts'
import { sha256 } from '../calibration/statistics.ts'
import { readStatistics, writeStatistics } from '../calibration/statistics-file.ts'
import { TersorError } from '../errors.ts'
import type { Runtime, Sample } from '../model/runtime.ts'
import type { Statistics } from '../model/statistics.ts'
import type { Tools } from '../model/tools.ts'
import type { Ask } from './ask.ts'
import { collectWith } from './calibrate.ts'
import { modelFingerprint } from './model-fingerprint.ts'
import { MemorySessions } from './model-sessions.ts'
import type { Phases } from './phases.ts'
import type { Prepared } from './run.ts'
import { plainShare, shareNotes } from './static/integer-share.ts'
import { inQOperators } from './static/qoperator-form.ts'
import { calibrating, judging, someOf } from './static/sample-roles.ts'
import { NO_CHOICES, placeStatic, readyStatic, type StaticStage, staticStage } from './static/static-model.ts'
import { choicesIn, choicesKey } from './statistics-choices.ts'
import { checkStatistics, dataOf } from './statistics-need.ts'
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
  const ready = await readyStatic(prepared, ask, phases)
  const key = choicesKey(ask, options)
  const given = options.statistics === undefined ? undefined : await read(options.statistics)
  const choices = (given && choicesIn(given, key)) ?? NO_CHOICES
  const placed = await placeStatic(ready, ask, choices, phases)
  const fingerprint = await modelFingerprint(ready.model, tools.signal)
  let statistics: Statistics
  let notes: readonly string[] = []
  let held: readonly Sample[] | undefined
  if (given !== undefined) {
    checkStatistics(given, { fingerprint, values: placed.values }, 'statistics')
    if (given.unfinished)
      throw new TersorError('E_USAGE', 'these statistics are of a run that ended early', {
        hint: 'finish it where it began: run the same command again',
      })
    statistics = given
  } else {
    const { runtime } = options
    if (runtime === undefined) {
      throw new TersorError('E_USAGE', 'int8-static needs statistics, or a runtime to collect them with', {
        hint: 'pass statistics: a file written by --statistics, or runtime: ortRuntime(ort, ...) and calib: data',
      })
    }
    const sessions = new MemorySessions(runtime, tools)
    const { set, back } = await phases.time('samples', () =>
      samplesFor(sessions, ready.model, prepared, options, tools),
    )
    held = back
    const collected = await phases.time('calibrate', () =>
      collectWith(sessions, {
        model: ready.model,
        values: placed.values,
        samples: set,
        tools,
        fingerprint,
        synthetic: options.calib === undefined,
        ...(options.maxMemory === undefined ? {} : { maxMemory: options.maxMemory }),
      }),
    )
    statistics = collected.statistics
    notes = [...set.skipped, ...(set.notes ?? []), ...collected.notes]
  }
  const known = {
    statistics,
    data: dataOf(statistics),
    notes,
    ...(options.calibrator === undefined ? {} : { calibrator: options.calibrator }),
  }
  const paired = await staticStage(prepared, placed, known, choices, ask, tools, phases)
  const counted = { ...paired, notes: [...paired.notes, ...shareNotes(plainShare({ path: [], ...paired.parts }))] }
  const stage = ask.qoperators ? await inQOperators(counted, phases) : counted
  const file = writeStatistics(statistics)
  return { stage, file, sha256: await sha256(file), ...(held === undefined ? {} : { judging: held }) }
}

async function read(given: Statistics | ByteSource): Promise<Statistics> {
  return 'values' in given ? given : readStatistics(given)
}

async function samplesFor(
  sessions: MemorySessions,
  model: Parameters<typeof modelFingerprint>[0],
  { inventory }: Prepared,
  options: StaticBytesOptions,
  tools: Tools,
): Promise<{ readonly set: SampleSet; readonly back?: readonly Sample[] }> {
  try {
    const session = await sessions.session('inputs', () => model)
    const limits = idLimits(inventory)
    if (options.calib === undefined) {
      // Other inputs than those the proof draws.
      const seed = ((options.seed ?? 0) + 0x51a71c) >>> 0
      const signal = tools.signal ? { signal: tools.signal } : {}
      return { set: await openSynthetic(session, { seed, count: SYNTHETIC_SAMPLES, limits, ...signal }) }
    }
    const { preprocess, skipBad } = options
    const set = await givenSamples(options.calib, session.inputs, {
      limits,
      ...(preprocess === undefined ? {} : { preprocess }),
      ...(skipBad === undefined ? {} : { skipBad }),
    })
    // Remarks on the samples grow while they are read.
    const fitted: SampleSet = Object.defineProperty(someOf(set, calibrating(set.count, options.judged)), 'notes', {
      get: () => set.notes,
    })
    if (!options.judged) return { set: fitted }
    const back: Sample[] = []
    for (const index of judging(set.count)) back.push(await set.at(index))
    return { set: fitted, back }
  } finally {
    await sessions.keepOnly(new Set())
  }
}
