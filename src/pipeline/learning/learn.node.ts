import { availableParallelism } from 'node:os'
import type { SampleSet } from '../../calibration/index.ts'
import { sampleDigest } from '../../calibration/sample-digest.ts'
import { sha256 } from '../../calibration/statistics.ts'
import { TersorError } from '../../errors.ts'
import { createKernelsSync, createReferenceKernels } from '../../kernels/index.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { Feeds, Sample } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { elementCountOf } from '../../numbers/dtype.ts'
import { breather } from '../breath.ts'
import type { FitStore } from '../fitting/fit-store.ts'
import type { FitInput, FitResult } from '../fitting/fitted.ts'
import type { ModelSessions } from '../model-sessions.ts'
import { Distiller, type DistillerGraph, type Survey } from './distiller.ts'
import { type GradientRunner, OwnRunner } from './gradient-runner.ts'
import { learnBlocks } from './learn-blocks.ts'
import { ThreadedRunner } from './learn-threads.node.ts'
import { type Answer, learnWeights } from './learn-weights.ts'
import type { LearnEffort } from './learning-budget.ts'

export interface LearnOptions {
  readonly effort: LearnEffort
  readonly seed?: number
  readonly threads?: number
  readonly mostSteps?: number
  /** Bytes; fewer threads learn, or none. */
  readonly maxMemory?: number
  /** Keeps what is learned. */
  readonly store?: FitStore
  /** What an executor gives for a sample. */
  readonly answer?: Answer
  /** Runs segments of the model; absent: nothing is learned block by block. */
  readonly sessions?: () => ModelSessions
  /** The compiled entry of the threads; default that of dist/. */
  readonly entry?: URL
}

/** Samples are kept in memory up to so many bytes, in every thread. */
const MOST_SAMPLE_BYTES = 64 << 20

/** Of all threads together; each holds both models, gradients and transposes. */
const MOST_FLOATS = 2 ** 29
const COPIES = 4
/** Bytes of values between blocks. */
const VALUE_BYTES = 512 * 2 ** 20
/** Part of the memory that is given to what threads hold. */
const ROOM = 1 / 2

/**
 * Learning on samples, after codes were `started`: end to end where the model can (see `learnWeights`), else block by block (`learnBlocks`).
 */
export async function learnOn(
  input: FitInput,
  started: FitResult,
  samples: SampleSet,
  options: LearnOptions,
  tools: Tools,
): Promise<FitResult> {
  const { store, effort, seed = 0, mostSteps, entry } = options
  if (effort === 'fast') return started
  const kernels = tools.kernels.id
  const mostFloats = Math.min(MOST_FLOATS, ((options.maxMemory ?? Infinity) * ROOM) / 4)
  const ownKernels = (): Kernels => (kernels === 'reference' ? createReferenceKernels() : createKernelsSync())
  const kept = await keptSamples(samples)
  const feeds = kept.map((one) => one.feeds)
  const nameFor = async (way: string) =>
    store ? { kept: { store, name: await nameOf([way, effort, seed, mostSteps ?? null], feeds) } } : {}
  let surveyor: { readonly graph: DistillerGraph; readonly distiller: Distiller } | undefined
  const ask = {
    ...{ effort, seed, mostFloats, tools },
    ...(mostSteps === undefined ? {} : { mostSteps }),
    survey: (graph: DistillerGraph, first: Feeds, outputs: readonly string[]): Survey => {
      if (surveyor?.graph !== graph) surveyor = { graph, distiller: new Distiller(ownKernels(), graph) }
      return surveyor.distiller.survey(first, outputs)
    },
    runner: async (
      graph: DistillerGraph,
      own: readonly Feeds[],
      met: readonly Float32Array[],
    ): Promise<GradientRunner> => {
      surveyor = undefined
      const most = Math.max(1, Math.floor(mostFloats / (graph.targets ? COPIES - 1 : COPIES) / countOf(graph)))
      const threads = Math.min(options.threads ?? availableParallelism(), most)
      try {
        return await ThreadedRunner.open(graph, own, { threads, kernels, met, ...(entry ? { entry } : {}) })
      } catch (thrown) {
        if (!(thrown instanceof TersorError) || thrown.code !== 'E_INTERNAL') throw thrown
        // Without its compiled entry no thread starts: this one gives the same.
        const distiller = new Distiller(ownKernels(), graph)
        distiller.setMet(met)
        const breathe = breather()
        return new OwnRunner(distiller, own, async () => await breathe())
      }
    },
  }
  const { answer, sessions } = options
  const whole = await learnWeights(input, started, {
    ...ask,
    ...(await nameFor('whole')),
    samples: feeds,
    ...(answer ? { answer } : {}),
  })
  if (!('kind' in whole)) return whole
  const stays = `learning: ${whole.why}; codes stay as they were found`
  if (whole.kind === 'long' || !sessions) return { ...started, notes: [...started.notes, stays] }
  const { maxMemory } = options
  const opened = sessions()
  try {
    return await learnBlocks(input, started, {
      ...ask,
      ...(await nameFor('blocks')),
      samples: kept,
      because: `learning: ${whole.why}`,
      mostBytes: maxMemory === undefined ? VALUE_BYTES : Math.floor(maxMemory / 4),
      sessions: opened,
    })
  } finally {
    await opened.close()
  }
}

/** All that learning depends on beside the codes to begin with. */
async function nameOf(facts: unknown, samples: readonly Feeds[]): Promise<string> {
  const digests: string[] = []
  for (const feeds of samples) digests.push(await sampleDigest(feeds))
  return sha256(new TextEncoder().encode(JSON.stringify([facts, digests])))
}

/** Floats of the constants. */
function countOf({ constants }: DistillerGraph): number {
  let floats = 1
  for (const { kind, shape } of constants.values()) if (kind === 'float') floats += elementCountOf(shape)
  return floats
}

async function keptSamples(samples: SampleSet): Promise<readonly Sample[]> {
  const kept: Sample[] = []
  let bytes = 0
  for (let index = 0; index < samples.count && bytes < MOST_SAMPLE_BYTES; index++) {
    const sample = await samples.at(index)
    for (const { data } of Object.values(sample.feeds)) bytes += data instanceof Uint8Array ? data.byteLength : 0
    kept.push(sample)
  }
  return kept
}
