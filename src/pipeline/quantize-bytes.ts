import { blobSource } from '../bytes/blob.ts'
import { memorySource } from '../bytes/memory.ts'
import type { ByteSource } from '../bytes/types.ts'
import type { GivenSample } from '../calibration/given-samples.ts'
import { openSynthetic } from '../calibration/index.ts'
import type { Calibrator } from '../calibration/ranges/index.ts'
import { TersorError } from '../errors.ts'
import { givenThresholds, type Thresholds, verdictOf } from '../evaluation/index.ts'
import { createKernels, createReferenceKernels } from '../kernels/index.ts'
import type { Model } from '../model/graph.ts'
import type { Report, Verdict } from '../model/report.ts'
import type { Runtime, RuntimeSession, Sample } from '../model/runtime.ts'
import type { Statistics } from '../model/statistics.ts'
import type { StageEvent, Tools } from '../model/tools.ts'
import { type Ask, HALF_PRESETS } from './ask.ts'
import { askOf, type QuantizeOptions } from './ask-of.ts'
import { type FloatRun, madeUpStates, statesFacts } from './evidence.ts'
import { asksForOwnTexts, isFitted, withData, withoutData } from './fitting/asks-for-data.ts'
import type { BytesFitting } from './fitting/fit-bytes.ts'
import { halfQuadraticFit } from './fitting/half-quadratic-fit.ts'
import { lowRankAsk } from './low-rank/low-rank-ask.ts'
import { MemoryStage } from './memory-stage.ts'
import { Phases } from './phases.ts'
import { afterStatic } from './plan.ts'
import { fewestBits, judge, runFloat, worstTensors } from './prove.ts'
import type { StaticBytes } from './quantize-static.ts'
import { referenceModel } from './reference.ts'
import { reportOf } from './report-of.ts'
import type { Rotated } from './rotation/rotate.ts'
import { rotationAsk } from './rotation/rotation-ask.ts'
import { decide, finish, type Prepared, type Prove, prepare } from './run.ts'
import { save } from './save.ts'
import { sizeNotes } from './saving.ts'
import { statedSession } from './stated-sizes.ts'
import { staticDecisions } from './static/static-decisions.ts'

export interface BytesOptions extends QuantizeOptions, Thresholds {
  /** File name of the result; default `model.onnx`. */
  readonly name?: string
  /** `ortRuntime(ort, ...)`: judges the result. Without it the verdict is `unproven`. */
  readonly runtime?: Runtime
  /** Inputs to judge on; without them a part of `calib`, else synthetic ones are made from the seed. */
  readonly samples?: readonly Sample[]
  /**
   * int8-static, and weights found on data: a statistics file, or what `readStatistics` gives. The float model is not run then, and the bytes are those that
   * Node makes of the same statistics.
   */
  readonly statistics?: Statistics | File | Blob | ArrayBuffer | Uint8Array | ByteSource
  /** int8-static and weight-only presets without statistics: data to find ranges or codes on; feeds, or pictures, .npy and .npz as files. Needs `runtime`. */
  readonly calib?: readonly GivenSample[]
  /** How pictures of `calib` become values: a preset, keys or the text of a preprocessor_config.json. */
  readonly preprocess?: string
  readonly skipBad?: boolean
  readonly calibrator?: Calibrator
  readonly effort?: 'fast' | 'default' | 'best'
  /** As the run that wrote `statistics` had it: what was chosen is kept for each set of options. Nothing is tried here. */
  readonly transform?: string
  /** Bytes that fetched activations may take. */
  readonly maxMemory?: number
  readonly openExternal?: (location: string) => Promise<ByteSource>
  readonly shardSize?: number
  readonly force?: boolean
  readonly kernels?: 'wasm' | 'reference'
  readonly onEvent?: (event: StageEvent) => void
  readonly signal?: AbortSignal
}

export interface BytesResult {
  readonly report: Report
  /** By file name; the first is the model. Empty when the verdict is `refused`. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Where something was found on data: a statistics file, for the next run here or with `--statistics`. */
  readonly statistics?: Uint8Array
}

const TEXTS_IN_NODE =
  'effort best: texts that a decoder writes itself are made by the command line and the library in Node; here codes are found without data'

/** The main job in memory, for browsers and anywhere else: the same bytes as the command line writes. */
export async function quantize(
  input: File | Blob | ArrayBuffer | Uint8Array | ByteSource,
  given: BytesOptions = {},
): Promise<BytesResult> {
  const { transform: all, ...rest } = given
  const { rotates, transform } = rotationAsk(all, given.to ?? 'auto')
  const { lowRank, ...others } = lowRankAsk(transform, given.to ?? 'auto')
  const options: BytesOptions = { ...rest, ...others }
  const kernels = options.kernels === 'reference' ? createReferenceKernels() : await createKernels()
  const tools: Tools = {
    kernels,
    notify: options.onEvent ?? (() => undefined),
    ...(options.signal ? { signal: options.signal } : {}),
  }
  const phases = new Phases(tools.notify)
  const judged = options.noVerify !== true && options.runtime !== undefined
  const bareAsk: Ask = { ...askOf({ ...options, noVerify: !judged }), ...(lowRank ? { lowRank } : {}) }
  const isStatic = bareAsk.to === 'int8-static'
  const isHalf = HALF_PRESETS.has(bareAsk.to)
  const hasData = options.calib !== undefined || options.statistics !== undefined
  const plainAsk = hasData ? withData(bareAsk) : bareAsk
  if (plainAsk.fitting === 'gptq' && !hasData) throw withoutData()
  const fits = hasData && isFitted(plainAsk)
  if (!isStatic) refuseStatic(options, isHalf, fits)
  const source = sourceOf(input)
  let prepared = await prepare(
    { source, ...(options.openExternal ? { openExternal: options.openExternal } : {}) },
    tools,
    phases,
  )
  const inventory = prepared.inventory
  const turned = rotates ? await rotateBytes(prepared, plainAsk, options.runtime, tools) : undefined
  if (turned) prepared = turned.prepared
  const asked = turned?.ask ?? plainAsk
  const made = isStatic ? await staticOf(prepared, asked, options, judged, tools, phases) : undefined
  if (made) prepared = made.stage.prepared
  const half = isHalf
    ? await (await import('./half/half-bytes.ts')).halfFromBytes(
        prepared,
        asked,
        options,
        options.runtime,
        tools,
        phases,
      )
    : undefined
  if (half) prepared = half.prepared
  // Rules that asked for static integers have done their work.
  const ask: Ask = made ? afterStatic(asked, prepared.inventory) : (half?.ask ?? asked)
  const fitting = fits ? await fittingOf(prepared, options, judged, tools) : undefined
  const found = asked.fitting === 'hqq' ? halfQuadraticFit(tools) : fitting?.fitFor(ask)
  const fit =
    ask.lowRank && !fitting ? (await import('./low-rank/low-rank-fit.ts')).lowRankFit(ask.lowRank, found, tools) : found
  const decided = await decide(prepared, ask, tools, phases, fit)
  const stage = new MemoryStage()
  const name = options.name ?? 'model.onnx'
  const notes: string[] = [...(made?.stage.notes ?? []), ...(half?.notes ?? [])]
  if (!fits && asksForOwnTexts(plainAsk, options)) notes.push(TEXTS_IN_NODE)
  const runtime = judged ? options.runtime : undefined
  const samples = options.samples ?? made?.judging ?? fitting?.judging
  const finished = await finish(
    decided,
    stage,
    {
      name,
      measure: ask.measure,
      force: options.force ?? false,
      ...(options.shardSize === undefined ? {} : { shardBytes: options.shardSize }),
    },
    runtime && proverOf(runtime, source, { ...options, ...(samples ? { samples } : {}) }, tools, notes),
    tools,
    phases,
  )
  const report = reportOf(decided, finished, {
    command: 'quantize',
    source,
    ask,
    options: { to: options.to ?? 'auto' },
    phases: phases.list,
    warnings: [...notes, ...sizeNotes(decided, finished.saved.byteLength, ask.to === 'auto')],
    peakBytes: 0,
    outputPath: name,
    ...(runtime ? { runtime: { name: runtime.name, version: runtime.version, threads: 1, cpu: runtime.cpu } } : {}),
  })
  const files = finished.files.length > 0 ? stage.files : new Map<string, Uint8Array>()
  if (half) return { report: { ...report, points: half.points }, files }
  if (made === undefined) {
    const file = fitting?.file
    return file === undefined ? { report, files } : { report, files, statistics: file }
  }
  const { decisions, points } = made.stage
  const statistics = { sha256: made.sha256 }
  return {
    report: { ...report, decisions: staticDecisions(inventory, decisions, report.decisions), points, statistics },
    files,
    statistics: made.file,
  }
}

/** Rotations, proven where there is a runtime. */
async function rotateBytes(prepared: Prepared, ask: Ask, runtime: Runtime | undefined, tools: Tools): Promise<Rotated> {
  const { rotated } = await import('./rotation/rotate.ts')
  if (!runtime) return rotated(prepared, ask, async () => null)
  const { MemorySessions } = await import('./model-sessions.ts')
  const { ranBeside } = await import('./rotation/ran-beside.ts')
  const sessions = new MemorySessions(runtime, tools)
  try {
    return await rotated(prepared, ask, await ranBeside(prepared, ask.seed, sessions, tools))
  } finally {
    await sessions.close()
  }
}

async function fittingOf(
  prepared: Prepared,
  options: BytesOptions,
  judged: boolean,
  tools: Tools,
): Promise<BytesFitting> {
  const { BytesFitting } = await import('./fitting/fit-bytes.ts')
  const { statistics, ...rest } = options
  const given = statistics === undefined ? {} : { statistics: statisticsFrom(statistics) }
  return new BytesFitting(prepared, { ...rest, ...given, judged: judged && options.samples === undefined }, tools)
}

async function staticOf(
  prepared: Prepared,
  ask: Ask,
  options: BytesOptions,
  judged: boolean,
  tools: Tools,
  phases: Phases,
): Promise<StaticBytes> {
  const { quantizeStatic } = await import('./quantize-static.ts')
  const { statistics, ...rest } = options
  const given = statistics === undefined ? {} : { statistics: statisticsFrom(statistics) }
  // Statistics that are given were made of data that are not known here: nothing can be held back of them.
  return quantizeStatic(
    prepared,
    ask,
    { ...rest, ...given, judged: judged && options.samples === undefined },
    tools,
    phases,
  )
}

function statisticsFrom(given: NonNullable<BytesOptions['statistics']>): Statistics | ByteSource {
  return 'values' in given && 'skipped' in given ? given : sourceOf(given, 'statistics')
}

function refuseStatic(
  { statistics, calib, calibrator, transform }: BytesOptions,
  isHalf: boolean,
  isFitted: boolean,
): void {
  const data = isFitted ? {} : isHalf ? { statistics } : { statistics, calib }
  const [name] = Object.entries({ ...data, calibrator, transform }).find(([, value]) => value !== undefined) ?? []
  if (name === undefined) return
  throw new TersorError('E_USAGE', `${name} is for ranges of activations: it belongs to to: 'int8-static'`, {
    where: name,
  })
}

function sourceOf(input: File | Blob | ArrayBuffer | Uint8Array | ByteSource, label = 'model'): ByteSource {
  if (input instanceof ArrayBuffer) return memorySource(new Uint8Array(input), label)
  if (input instanceof Uint8Array) return memorySource(input, label)
  if (typeof Blob !== 'undefined' && input instanceof Blob) return blobSource(input)
  return input as ByteSource
}

function proverOf(runtime: Runtime, source: ByteSource, options: BytesOptions, tools: Tools, notes: string[]): Prove {
  return async ({ decided, saved, stage }): Promise<Verdict> => {
    const thresholds = givenThresholds(options)
    const unrun = (notRun: string): Verdict =>
      verdictOf({
        data: 'none',
        samples: 0,
        bits: fewestBits(decided),
        thresholds,
        worst: worstTensors(decided, saved),
        notRun,
      })
    const files = (stage as MemoryStage).files
    if (files.size !== 1 || decided.input.externalFiles.length > 0)
      return unrun('models with external data are not run from memory; judged by weights only')
    const run = await firstRun(runtime, await source.read(0, source.byteLength), decided.input, options, tools)
    if (typeof run === 'string') return unrun(run)
    const fused = { bytes: [...files.values()][0] as Uint8Array }
    // What overflows in f16 shows only there.
    const reference = decided.half
      ? { reference: await bytesOf(await referenceModel(decided, saved, stage, tools), tools) }
      : {}
    return judge(
      runtime,
      { fused, ...reference },
      run,
      { thresholds, decided, saved, onNote: (text) => notes.push(text) },
      tools,
    )
  }
}

async function bytesOf(model: Model, tools: Tools): Promise<{ readonly bytes: Uint8Array }> {
  const own = new MemoryStage()
  await save(model, [], own, { name: 'model.onnx', measure: false }, tools)
  return { bytes: own.files.get('model.onnx') as Uint8Array }
}

/** The float model over given samples or synthetic ones; a sentence when the executor does not run it. */
async function firstRun(
  runtime: Runtime,
  bytes: Uint8Array,
  model: Model,
  options: BytesOptions,
  tools: Tools,
): Promise<FloatRun | string> {
  const refused = (thrown: unknown): thrown is TersorError =>
    thrown instanceof TersorError && thrown.code === 'E_RUNTIME' && !tools.signal?.aborted
  let float: RuntimeSession
  try {
    float = await runtime.open({ bytes }, { optimized: true, threads: 1 })
  } catch (thrown) {
    if (!refused(thrown)) throw thrown
    return `onnxruntime ${runtime.version} does not run the float model itself: ${thrown.message}`
  }
  const given = options.samples
  try {
    const set = given ? null : await openSynthetic(statedSession(float, model), { seed: options.seed ?? 0 })
    const samples: Sample[] = given ? [...given] : []
    for (let i = 0; set !== null && i < set.count; i++) samples.push(await set.at(i))
    if (samples.length === 0) throw new TersorError('E_USAGE', 'samples were given, but none is in the list')
    const data = given ? 'given' : 'synthetic'
    const filled = set?.filled ?? []
    const facts = (given ? statesFacts : madeUpStates)(float.inputs, model.graph.outputs, { filled })
    return await runFloat(float, { data, samples, found: samples.length, filled, ...facts }, tools)
  } catch (thrown) {
    if (given || !refused(thrown)) throw thrown
    return thrown.message
  } finally {
    await float.release()
  }
}
