import { openSynthetic, type SampleSet } from '../../calibration/index.ts'
import { TersorError } from '../../errors.ts'
import type { Model } from '../../model/graph.ts'
import type { Runtime } from '../../model/runtime.ts'
import { type EvidenceOptions, openGiven } from '../evidence.node.ts'
import { findObservingRuntime } from '../observe-threads.node.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Prepared } from '../run.ts'
import { idLimits } from '../token-tables.ts'
import { calibrating, someOf } from './sample-roles.ts'

export interface StaticInputOptions extends EvidenceOptions {
  /** Nothing is judged, so nothing has to be held back. */
  readonly noVerify?: boolean
  /** In which samples are looked at; default one for each core. */
  readonly threads?: number
}

const SYNTHETIC_SAMPLES = 32

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
  const session = await runtime.open({ path: path as string }, { optimized: false, threads: 1 })
  try {
    if (options.calib === undefined) {
      // Other inputs than those the proof draws.
      const seed = ((options.seed ?? 0) + 0x51a71c) >>> 0
      return await openSynthetic(session, {
        seed,
        count: options.samples ?? SYNTHETIC_SAMPLES,
        limits: idLimits(inventory),
        ...(options.signal ? { signal: options.signal } : {}),
      })
    }
    const set = await openGiven(options.calib, model, inventory, session, { ...options, modelPath: path as string })
    return someOf(set, calibrating(set.count, options.eval === undefined && options.noVerify !== true))
  } finally {
    await session.release()
  }
}
