import { openSynthetic, type SampleSet } from '../../calibration/index.ts'
import type { Calibrator } from '../../calibration/ranges/index.ts'
import { TersorError } from '../../errors.ts'
import type { Model } from '../../model/graph.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { findRuntime } from '../../runtime/find.node.ts'
import type { Ask } from '../ask.ts'
import { collectStatistics } from '../calibrate.node.ts'
import { type EvidenceOptions, openGiven } from '../evidence.node.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Phases } from '../phases.ts'
import type { Prepared } from '../run.ts'
import { idLimits } from '../token-tables.ts'
import { calibrating, someOf } from './sample-roles.ts'
import { placeStatic, type StaticKnown, type StaticPlaced, type StaticStage, staticStage } from './static-model.ts'

export interface StaticOptions extends EvidenceOptions {
  readonly calibrator?: Calibrator
  readonly maxMemory?: number
  /** Nothing is judged, so nothing has to be held back. */
  readonly noVerify?: boolean
}

const SYNTHETIC_SAMPLES = 32

/** rewrite -> place -> calibrate -> grids -> pairs. E_RUNTIME without an onnxruntime to run the float model on. */
export async function staticModel(
  prepared: Prepared,
  opened: OpenedModel,
  ask: Ask,
  options: StaticOptions,
  tools: Tools,
  phases: Phases,
): Promise<StaticStage> {
  const placed = await placeStatic(prepared, ask, phases)
  const known = await calibrated(prepared, placed, opened, options, tools, phases)
  const { calibrator } = options
  return staticStage(prepared, placed, { ...known, ...(calibrator ? { calibrator } : {}) }, ask, tools, phases)
}

/** Runs the float model over the data. */
async function calibrated(
  prepared: Prepared,
  { model, values }: StaticPlaced,
  opened: OpenedModel,
  options: StaticOptions,
  tools: Tools,
  phases: Phases,
): Promise<StaticKnown> {
  const runtime = await runtimeFor(opened)
  try {
    const samples = await samplesFor(model, prepared, opened, runtime, options)
    const { statistics, notes } = await phases.time('calibrate', () =>
      collectStatistics({
        model,
        values,
        samples,
        runtime,
        tools,
        ...(options.maxMemory === undefined ? {} : { maxMemory: options.maxMemory }),
      }),
    )
    const data = `${samples.count} ${options.calib === undefined ? 'synthetic inputs' : 'samples'}`
    return { statistics, data, notes: [...samples.skipped, ...notes] }
  } finally {
    await runtime.close()
  }
}

async function runtimeFor(opened: OpenedModel): Promise<Runtime> {
  if (opened.path === undefined) {
    throw new TersorError('E_UNSUPPORTED', 'static int8 runs the model to find its ranges; download the file first')
  }
  const runtime = await findRuntime()
  if (runtime) return runtime
  throw new TersorError(
    'E_RUNTIME',
    'static int8 runs the float model to find its ranges, and no onnxruntime was found',
    {
      hint: 'npm install onnxruntime-node',
    },
  )
}

async function samplesFor(
  model: Model,
  { inventory }: Prepared,
  { path }: OpenedModel,
  runtime: Runtime,
  options: StaticOptions,
): Promise<SampleSet> {
  const session = await runtime.open({ path: path as string }, { optimized: true, threads: 1 })
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
    const set = await openGiven(options.calib, model, inventory, session, options)
    return someOf(set, calibrating(set.count, options.eval === undefined && options.noVerify !== true))
  } finally {
    await session.release()
  }
}
