import { openSynthetic, type SampleSet } from '../../calibration/index.ts'
import { TersorError } from '../../errors.ts'
import { createReferenceKernels } from '../../kernels/index.ts'
import type { Model } from '../../model/graph.ts'
import type { Runtime } from '../../model/runtime.ts'
import { type EvidenceOptions, openGiven } from '../evidence.node.ts'
import { inputsAlone } from '../inputs-alone.ts'
import { MemoryStage } from '../memory-stage.ts'
import { findObservingRuntime } from '../observe-threads.node.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Prepared } from '../run.ts'
import { save } from '../save.ts'
import { statedSession } from '../stated-sizes.ts'
import { idLimits } from '../token-tables.ts'
import { calibrating, someOf } from './sample-roles.ts'

export interface StaticInputOptions extends EvidenceOptions {
  /** Nothing is judged, so nothing has to be held back. */
  readonly noVerify?: boolean
  /** In which samples are looked at; default one for each core. */
  readonly threads?: number
  /** A statistics file. */
  readonly statistics?: string
  /** Samples that were made; in the place of `calib`. */
  readonly made?: SampleSet
}

/** What a graph is run on. All of it is opened when it is first asked for: given statistics, that may be never. */
export interface RunInputs {
  /** E_RUNTIME without an onnxruntime. */
  runtime(): Promise<Runtime>
  samples(): Promise<SampleSet>
  /** Those of them that statistics are still to be collected of; default all. */
  added(): Promise<SampleSet>
}

const SYNTHETIC_SAMPLES = 32

/** What the main graph is run on, as the options say. */
export class StaticInputs implements RunInputs {
  readonly #runtime: () => Promise<Runtime>
  readonly #samples: () => Promise<SampleSet>
  #added: readonly number[] | undefined
  #opened: Promise<Runtime> | undefined
  #set: Promise<SampleSet> | undefined

  constructor(
    model: Model,
    prepared: Prepared,
    opened: OpenedModel,
    options: StaticInputOptions,
    runtime?: Promise<Runtime | undefined>,
  ) {
    this.#runtime = async () => (await runtime) ?? runtimeFor(opened, options.threads)
    this.#samples = async () => samplesFor(model, prepared, opened, await this.runtime(), options)
  }

  runtime(): Promise<Runtime> {
    this.#opened ??= this.#runtime()
    return this.#opened
  }

  samples(): Promise<SampleSet> {
    this.#set ??= this.#samples()
    return this.#set
  }

  async added(): Promise<SampleSet> {
    const set = await this.samples()
    return this.#added === undefined ? set : someOf(set, this.#added)
  }

  /** Statistics of the other samples are known. */
  addOnly(indices: readonly number[]): void {
    this.#added = indices
  }

  async close(): Promise<void> {
    const runtime = await this.#opened?.catch(() => undefined)
    await runtime?.close()
  }
}

export async function runtimeFor(opened: OpenedModel, threads?: number): Promise<Runtime> {
  if (opened.path === undefined) {
    throw new TersorError('E_UNSUPPORTED', 'static int8 runs the model to find its ranges; download the file first')
  }
  const runtime = await findObservingRuntime(opened.source.byteLength, threads === undefined ? {} : { threads })
  if (runtime) return runtime
  throw new TersorError(
    'E_RUNTIME',
    'static int8 runs the float model to find its ranges, and no onnxruntime was found',
    {
      hint: 'npm install onnxruntime-node',
    },
  )
}

export async function samplesFor(
  model: Model,
  { inventory }: Prepared,
  { path }: OpenedModel,
  runtime: Runtime,
  options: StaticInputOptions,
): Promise<SampleSet> {
  if (options.made) return options.made
  // Whether the model takes the data shows when statistics are collected.
  const alone = options.calib === undefined ? null : inputsAlone(model)
  const session = await runtime.open(alone ? { bytes: await bytesOf(alone) } : { path: path as string }, {
    optimized: false,
    threads: 1,
  })
  try {
    if (options.calib === undefined) {
      // Other inputs than those the proof draws.
      const seed = ((options.seed ?? 0) + 0x51a71c) >>> 0
      return await openSynthetic(statedSession(session, model), {
        seed,
        most: SYNTHETIC_SAMPLES,
        ...(options.samples === undefined ? {} : { count: options.samples }),
        limits: idLimits(inventory, model.graph),
        ...(options.signal ? { signal: options.signal } : {}),
      })
    }
    const unrun = alone ? { unrun: true } : {}
    const set = await openGiven(options.calib, model, inventory, session, {
      ...options,
      ...unrun,
      modelPath: path as string,
    })
    // A file of statistics is of the same samples, whether or not this run is judged.
    const judged = options.eval === undefined && (options.noVerify !== true || options.statistics !== undefined)
    return someOf(set, calibrating(set, judged))
  } finally {
    await session.release()
  }
}

async function bytesOf(model: Model): Promise<Uint8Array> {
  const stage = new MemoryStage()
  const tools = { kernels: createReferenceKernels(), notify: () => undefined }
  await save(model, [], stage, { name: 'inputs.onnx', measure: false }, tools)
  return stage.files.get('inputs.onnx') as Uint8Array
}
