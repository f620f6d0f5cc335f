import { availableParallelism } from 'node:os'
import type { SampleSet } from '../../calibration/index.ts'
import { sampleDigest } from '../../calibration/sample-digest.ts'
import { sha256 } from '../../calibration/statistics.ts'
import { TersorError } from '../../errors.ts'
import { createKernelsSync, createReferenceKernels } from '../../kernels/index.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { Feeds } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { breather } from '../breath.ts'
import type { FitStore } from '../fitting/fit-store.ts'
import type { FitInput, FitResult } from '../fitting/fitted.ts'
import { Distiller, type DistillerGraph } from './distiller.ts'
import { OwnRunner } from './gradient-runner.ts'
import { ThreadedRunner } from './learn-threads.node.ts'
import { learnWeights } from './learn-weights.ts'
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
  /** What an executor gives for the first sample. */
  readonly expected?: Feeds
  /** The compiled entry of the threads; default that of dist/. */
  readonly entry?: URL
}

/** Samples are kept in memory up to so many bytes, in every thread. */
const MOST_SAMPLE_BYTES = 64 << 20

/** Of all threads together; each holds both models, gradients and transposes. */
const MOST_FLOATS = 2 ** 29
const COPIES = 4
/** Part of the memory that is given to what threads hold. */
const ROOM = 1 / 2

/** Learning end to end on samples, after codes were `started`; see `learnWeights`. */
export async function learnOn(
  input: FitInput,
  started: FitResult,
  samples: SampleSet,
  options: LearnOptions,
  tools: Tools,
): Promise<FitResult> {
  if (options.effort === 'fast') return started
  const kernels = tools.kernels.id
  const room = Math.min(MOST_FLOATS, ((options.maxMemory ?? Infinity) * ROOM) / 4)
  const ownKernels = (): Kernels => (kernels === 'reference' ? createReferenceKernels() : createKernelsSync())
  const feeds = await keptFeeds(samples)
  const { store, effort, seed = 0, mostSteps = null } = options
  const kept = store && { store, name: await nameOf(['whole', effort, seed, mostSteps], feeds) }
  let surveyor: Distiller | undefined
  return await learnWeights(input, started, {
    samples: feeds,
    ...options,
    seed,
    ...(kept ? { kept } : {}),
    mostElements: Math.floor(room / COPIES),
    tools,
    survey: (graph, first, outputs) => {
      surveyor ??= new Distiller(ownKernels(), graph)
      return surveyor.survey(first, outputs)
    },
    runner: async (graph, met) => {
      surveyor = undefined
      const count = Math.min(options.threads ?? availableParallelism(), Math.floor(room / COPIES / countOf(graph)))
      const { entry } = options
      try {
        return await ThreadedRunner.open(graph, feeds, { threads: count, kernels, met, ...(entry ? { entry } : {}) })
      } catch (thrown) {
        if (!(thrown instanceof TersorError) || thrown.code !== 'E_INTERNAL') throw thrown
        // Without its compiled entry no thread starts: this one gives the same.
        const distiller = new Distiller(ownKernels(), graph)
        distiller.setMet(met)
        const breathe = breather()
        return new OwnRunner(distiller, feeds, async () => await breathe())
      }
    },
  })
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
  for (const constant of constants.values()) if (constant.kind === 'float') floats += constant.floats.length
  return floats
}

async function keptFeeds(samples: SampleSet): Promise<readonly Feeds[]> {
  const kept: Feeds[] = []
  let bytes = 0
  for (let index = 0; index < samples.count && bytes < MOST_SAMPLE_BYTES; index++) {
    const { feeds } = await samples.at(index)
    for (const { data } of Object.values(feeds)) bytes += data instanceof Uint8Array ? data.byteLength : 0
    kept.push(feeds)
  }
  return kept
}
