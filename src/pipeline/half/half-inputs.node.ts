import { freemem } from 'node:os'
import { openSynthetic, type SampleSet } from '../../calibration/index.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { findRuntime } from '../../runtime/find.node.ts'
import type { Ask } from '../ask.ts'
import type { QuantizeOptions } from '../ask-of.ts'
import { type EvidenceOptions, openGiven } from '../evidence.node.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Phases } from '../phases.ts'
import type { Prepared } from '../run.ts'
import { statedSession } from '../stated-sizes.ts'
import { calibrating, someOf } from '../static/sample-roles.ts'
import { TapSessions } from '../tap-sessions.node.ts'
import { idLimits } from '../token-tables.ts'
import { doorsOf } from './doors.ts'
import { type HalfStage, halfStage, SYNTHETIC_SAMPLES, syntheticSeed } from './half-stage.ts'

/** More samples move a largest value little. */
const MOST_SAMPLES = 32

/** The half stage of a file: ranges from `calib`, else from synthetic inputs; bounded by kind where nothing can be run. */
export async function halfFromFile(
  prepared: Prepared,
  opened: OpenedModel,
  ask: Ask,
  options: EvidenceOptions & Pick<QuantizeOptions, 'io' | 'noVerify'> & { readonly maxMemory?: number },
  tools: Tools,
  phases: Phases,
): Promise<HalfStage> {
  const doors = doorsOf(options)
  const { path } = opened
  // A copy of the model and its values are held while it runs.
  const need = prepared.input.byteLength * 2
  const room = options.maxMemory ?? freemem() * 0.8
  if (need > room) {
    const stage = await halfStage(prepared, ask, doors, null, tools, phases)
    const text = `ranges were not taken: running the model needs about ${mega(need)} MB and ${mega(room)} MB may be used`
    return { ...stage, notes: [...stage.notes, text] }
  }
  const runtime = path === undefined ? undefined : await findRuntime({})
  if (runtime === undefined || path === undefined) return halfStage(prepared, ask, doors, null, tools, phases)
  try {
    const sessions = new TapSessions(runtime, tools)
    const samples = () => samplesFor(runtime, path, prepared, ask, options, tools)
    const inputs = { sessions, samples, synthetic: options.calib === undefined }
    return await halfStage(prepared, ask, doors, inputs, tools, phases)
  } finally {
    await runtime.close()
  }
}

async function samplesFor(
  runtime: Runtime,
  path: string,
  prepared: Prepared,
  ask: Ask,
  options: EvidenceOptions & Pick<QuantizeOptions, 'noVerify'>,
  tools: Tools,
): Promise<SampleSet> {
  const session = await runtime.open({ path }, { optimized: false, threads: 1 })
  try {
    const signal = tools.signal ? { signal: tools.signal } : {}
    if (options.calib === undefined) {
      const seed = syntheticSeed(ask.seed)
      const limits = idLimits(prepared.inventory, prepared.input.graph)
      return await openSynthetic(statedSession(session, prepared.input), {
        seed,
        most: SYNTHETIC_SAMPLES,
        limits,
        ...signal,
      })
    }
    const samples = Math.min(options.samples ?? MOST_SAMPLES, MOST_SAMPLES)
    const { input, inventory } = prepared
    const set = await openGiven(options.calib, input, inventory, session, {
      ...options,
      samples,
      modelPath: path,
      ...signal,
    })
    return someOf(set, calibrating(set, options.eval === undefined && options.noVerify !== true))
  } finally {
    await session.release()
  }
}

const mega = (bytes: number): number => Math.ceil(bytes / 1e6)
