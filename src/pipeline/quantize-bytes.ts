import { blobSource } from '../bytes/blob.ts'
import { memorySource } from '../bytes/memory.ts'
import type { ByteSource } from '../bytes/types.ts'
import { openSynthetic } from '../calibration/index.ts'
import { TersorError } from '../errors.ts'
import { givenThresholds, type Thresholds, verdictOf } from '../evaluation/index.ts'
import { createKernels, createReferenceKernels } from '../kernels/index.ts'
import type { Report, Verdict } from '../model/report.ts'
import type { Runtime, RuntimeSession, Sample } from '../model/runtime.ts'
import type { StageEvent, Tools } from '../model/tools.ts'
import { askOf, type QuantizeOptions } from './ask-of.ts'
import { MemoryStage } from './memory-stage.ts'
import { Phases } from './phases.ts'
import { type FloatRun, fewestBits, judge, runFloat, worstTensors } from './prove.ts'
import { reportOf } from './report-of.ts'
import { decide, finish, type Prove, prepare } from './run.ts'

export interface BytesOptions extends QuantizeOptions, Thresholds {
  /** File name of the result; default `model.onnx`. */
  readonly name?: string
  /** `ortRuntime(ort, ...)`: judges the result. Without it the verdict is `unproven`. */
  readonly runtime?: Runtime
  /** Inputs to judge on; without them synthetic ones are made from the seed. */
  readonly samples?: readonly Sample[]
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
}

/** The main job in memory, for browsers and anywhere else: the same bytes as the command line writes. */
export async function quantize(
  input: File | Blob | ArrayBuffer | Uint8Array | ByteSource,
  options: BytesOptions = {},
): Promise<BytesResult> {
  const kernels = options.kernels === 'reference' ? createReferenceKernels() : await createKernels()
  const tools: Tools = {
    kernels,
    notify: options.onEvent ?? (() => undefined),
    ...(options.signal ? { signal: options.signal } : {}),
  }
  const phases = new Phases(tools.notify)
  const ask = askOf({ ...options, noVerify: options.noVerify === true || options.runtime === undefined })
  const source = sourceOf(input)
  const prepared = await prepare(
    { source, ...(options.openExternal ? { openExternal: options.openExternal } : {}) },
    tools,
    phases,
  )
  const decided = await decide(prepared, ask, tools, phases)
  const stage = new MemoryStage()
  const name = options.name ?? 'model.onnx'
  const notes: string[] = []
  const runtime = options.noVerify === true ? undefined : options.runtime
  const finished = await finish(
    decided,
    stage,
    {
      name,
      measure: ask.measure,
      force: options.force ?? false,
      ...(options.shardSize === undefined ? {} : { shardBytes: options.shardSize }),
    },
    runtime && proverOf(runtime, source, options, tools, notes),
    tools,
    phases,
  )
  const report = reportOf(decided, finished, {
    command: 'quantize',
    source,
    ask,
    options: { to: options.to ?? 'auto' },
    phases: phases.list,
    warnings: notes,
    peakBytes: 0,
    outputPath: name,
    ...(runtime ? { runtime: { name: runtime.name, version: runtime.version, threads: 1, cpu: runtime.cpu } } : {}),
  })
  return { report, files: finished.files.length > 0 ? stage.files : new Map() }
}

function sourceOf(input: File | Blob | ArrayBuffer | Uint8Array | ByteSource): ByteSource {
  if (input instanceof ArrayBuffer) return memorySource(new Uint8Array(input), 'model')
  if (input instanceof Uint8Array) return memorySource(input, 'model')
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
    const run = await firstRun(runtime, await source.read(0, source.byteLength), options, tools)
    if (typeof run === 'string') return unrun(run)
    const fused = { bytes: [...files.values()][0] as Uint8Array }
    return judge(runtime, { fused }, run, { thresholds, decided, saved, onNote: (text) => notes.push(text) }, tools)
  }
}

/** The float model over given samples or synthetic ones; a sentence when the executor does not run it. */
async function firstRun(
  runtime: Runtime,
  bytes: Uint8Array,
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
    const set = given ? null : await openSynthetic(float, { seed: options.seed ?? 0 })
    const samples: Sample[] = given ? [...given] : []
    for (let i = 0; set !== null && i < set.count; i++) samples.push(await set.at(i))
    if (samples.length === 0) throw new TersorError('E_USAGE', 'samples were given, but none is in the list')
    const data = given ? 'given' : 'synthetic'
    return await runFloat(float, { data, samples, found: samples.length, filled: set?.filled ?? [] }, tools)
  } catch (thrown) {
    if (given || !refused(thrown)) throw thrown
    return thrown.message
  } finally {
    await float.release()
  }
}
