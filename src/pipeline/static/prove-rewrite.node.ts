import type { SampleSet } from '../../calibration/index.ts'
import { TersorError } from '../../errors.ts'
import type { Model } from '../../model/graph.ts'
import type { Feeds, Runtime, Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { TapSessions } from '../tap-sessions.node.ts'
import { distanceOf } from './output-distance.ts'

/** Largest difference, relative to the largest magnitude of the output, that rounding of constants may make. */
export const ALLOWED_CHANGE = 1e-4

/** Samples that both models run on. */
const SAMPLES = 3

export interface RewriteProof {
  /** The model after, or the one before where it was refused. */
  readonly model: Model
  readonly accepted: boolean
  /** Largest difference of any output, relative to its largest magnitude on that sample; Infinity where one is not there or not finite. */
  readonly worstRelative: number
  /** One sentence without a full stop. */
  readonly note: string
}

export interface ProveOptions {
  readonly allowed?: number
  /** How many samples at most, spread over the set; default 3. */
  readonly samples?: number
  /** Where both models are written while they run. */
  readonly folder?: string
}

/**
 * Runs a model and what a rewrite made of it on a few samples, in float with optimization off, and gives back the new one only when
 * no output moved by more than `allowed`. A new model that the executor does not take is refused as well; E_RUNTIME when it
 * does not run the old one. Models that are the same object need no run.
 */
export async function proveRewrite(
  before: Model,
  after: Model,
  samples: SampleSet,
  runtime: Runtime,
  tools: Tools,
  options: ProveOptions = {},
): Promise<RewriteProof> {
  const allowed = options.allowed ?? ALLOWED_CHANGE
  if (before === after) return { model: after, accepted: true, worstRelative: 0, note: 'nothing was changed' }
  const refused = (worstRelative: number, why: string): RewriteProof => {
    return { model: before, accepted: false, worstRelative, note: `changes taken back: ${why}` }
  }
  const sessions = new TapSessions(runtime, tools, options.folder)
  try {
    const old = await sessions.session('before', () => before)
    const made = await sessions.session('after', () => after).catch((thrown: unknown) => thrown)
    if (made instanceof Error) {
      if (tools.signal?.aborted || !(made instanceof TersorError)) throw made
      return refused(Number.POSITIVE_INFINITY, `the changed model does not load: ${made.message}`)
    }
    let worst = 0
    let where = ''
    const indices = spread(samples.count, options.samples ?? SAMPLES)
    for (const index of indices) {
      tools.signal?.throwIfAborted()
      const { feeds, label } = await samples.at(index)
      const wanted = await old.run(feeds, tools.signal)
      const found = await (made as typeof old).run(feeds, tools.signal)
      for (const [name, value] of Object.entries(wanted)) {
        const apart = distanceOf(value, valueNamed(found, name))
        if (apart > worst) [worst, where] = [apart, `"${name}" of ${label}`]
      }
    }
    if (worst > allowed) return refused(worst, `they move ${where} by ${worst.toExponential(1)} of its largest value`)
    const note = `outputs on ${indices.length} samples differ by at most ${worst.toExponential(1)} of their largest value`
    return { model: after, accepted: true, worstRelative: worst, note }
  } finally {
    await sessions.close()
  }
}

function valueNamed(values: Feeds, name: string): Value | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined
}

/** Up to `most` indices below `count`, evenly apart. */
function spread(count: number, most: number): readonly number[] {
  const wanted = Math.min(count, most)
  return Array.from({ length: wanted }, (_, at) => Math.floor((at * count) / wanted))
}
