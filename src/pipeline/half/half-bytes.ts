import { type GivenSample, givenSamples } from '../../calibration/given-samples.ts'
import { openSynthetic, type SampleSet } from '../../calibration/index.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import type { QuantizeOptions } from '../ask-of.ts'
import { MemorySessions } from '../model-sessions.ts'
import type { Phases } from '../phases.ts'
import type { Prepared } from '../run.ts'
import { statedInputs, statedSession } from '../stated-sizes.ts'
import { idLimits } from '../token-tables.ts'
import { doorsOf } from './doors.ts'
import { type HalfStage, halfStage, SYNTHETIC_SAMPLES, syntheticSeed } from './half-stage.ts'

export interface HalfBytesOptions extends Pick<QuantizeOptions, 'io'> {
  readonly calib?: readonly GivenSample[]
  readonly preprocess?: string
  readonly skipBad?: boolean
}

/** The half stage without files: ranges where there is a runtime, on `calib` or synthetic inputs; else bounded by kind. */
export function halfFromBytes(
  prepared: Prepared,
  ask: Ask,
  options: HalfBytesOptions,
  runtime: Runtime | undefined,
  tools: Tools,
  phases: Phases,
): Promise<HalfStage> {
  const doors = doorsOf(options)
  // What lies beside a model in memory cannot be written out again for the executor.
  if (runtime === undefined || prepared.input.externalFiles.length > 0) {
    return halfStage(prepared, ask, doors, null, tools, phases)
  }
  const sessions = new MemorySessions(runtime, tools)
  const samples = () => samplesFor(sessions, prepared, ask, options, tools)
  return halfStage(prepared, ask, doors, { sessions, samples, synthetic: options.calib === undefined }, tools, phases)
}

async function samplesFor(
  sessions: MemorySessions,
  { input, inventory }: Prepared,
  ask: Ask,
  options: HalfBytesOptions,
  tools: Tools,
): Promise<SampleSet> {
  const session = await sessions.session('inputs', () => input)
  const limits = idLimits(inventory, input.graph)
  if (options.calib === undefined) {
    const signal = tools.signal ? { signal: tools.signal } : {}
    return openSynthetic(statedSession(session, input), {
      seed: syntheticSeed(ask.seed),
      most: SYNTHETIC_SAMPLES,
      limits,
      ...signal,
    })
  }
  const { preprocess, skipBad } = options
  return givenSamples(options.calib, statedInputs(session.inputs, input), {
    limits,
    states: input.graph.outputs,
    ...(preprocess === undefined ? {} : { preprocess }),
    ...(skipBad === undefined ? {} : { skipBad }),
  })
}
