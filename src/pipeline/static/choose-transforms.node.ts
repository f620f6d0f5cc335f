import type { SampleSet } from '../../calibration/index.ts'
import type { Model } from '../../model/graph.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import type { ModelSessions } from '../model-sessions.ts'
import { readSmall } from '../tensor-bytes.ts'
import { errorsOfModels } from './constants-error.ts'
import { proveRewrite } from './prove-rewrite.node.ts'
import { someOf } from './sample-roles.ts'
import { withFresh } from './scaled-statistics.ts'
import type { StaticKnown, StaticPlaced, StaticReady } from './static-model.ts'
import type { TransformAsk, TransformCandidate } from './transform-candidates.ts'
import { staticTransforms } from './transforms.ts'

export interface TransformInput {
  readonly form: TransformedForm
  readonly asked: TransformAsk
  readonly samples: SampleSet
  readonly runtime: Runtime
  readonly sessions: ModelSessions
  readonly tools: Tools
  place(ready: StaticReady): Promise<StaticPlaced>
  /** Statistics of some values of a changed model. */
  collect(model: Model, values: readonly string[], samples: SampleSet): Promise<Statistics>
  /** The quantized model, without anything that takes runs. */
  make(placed: StaticPlaced, known: StaticKnown): Promise<Model>
}

/** A model as it is quantized, with what is known of it. */
export interface TransformedForm {
  readonly ready: StaticReady
  readonly placed: StaticPlaced
  readonly known: StaticKnown
}

export interface ChosenTransform extends TransformedForm {
  readonly name: TransformCandidate['name']
  /** For the report, sentences without a full stop. */
  readonly notes: readonly string[]
}

/** Samples that candidates are judged on. */
const JUDGED = 8
/** Samples that ranges of candidates are from, while they are candidates. */
const RANGED = 16
/** Candidates must leave at most this share of the error that stays without them. */
const WORTH = 0.9

/**
 * The function-preserving changes after which the quantized model is nearest to the float one, each proven by running both graphs:
 * for every candidate the whole is quantized once with plain rounding and judged by its outputs. Nothing is changed where the gain is
 * within what few samples can show. One that is asked for by name is taken where it is proven, whatever it gains.
 */
export async function chooseTransforms(input: TransformInput): Promise<ChosenTransform> {
  const { form, asked, samples, sessions, tools } = input
  const made: Candidate[] = []
  const notes: string[] = []
  for (const candidate of asked.candidates) {
    if (candidate.transforms.size === 0) continue
    tools.signal?.throwIfAborted()
    tools.notify({ phase: 'equalize', done: made.length, total: asked.candidates.length, note: candidate.name })
    const one = await transformed(input, candidate, notes)
    if (one !== null) made.push(one)
  }
  const none: ChosenTransform = { ...form, name: 'none', notes: [] }
  if (made.length === 0) return { ...none, notes }
  const rivals: ChosenTransform[] = [none, ...made]
  const models: Model[] = []
  for (const { placed, known } of rivals) models.push(await input.make(placed, known))
  const errors = await errorsOfModels(
    form.ready.model,
    models.map((model) => () => model),
    samples,
    JUDGED,
    sessions,
    tools,
  )
  const [before = 0] = errors
  const best = made
    .map((one, at) => ({ one, error: errors[at + 1] ?? Number.NaN }))
    .sort((a, b) => a.error - b.error)
    .find(({ error }) => asked.isForced || error < before * WORTH)
  if (best === undefined) return { ...none, notes }
  const { one } = best
  const gain = `error of the outputs on ${Math.min(JUDGED, samples.count)} samples ${share(best.error, before)} of what it was`
  const known = samples.count > RANGED ? { ...one.known, statistics: await ranged(input, one, samples) } : one.known
  return { ...one, known, notes: [...notes, ...one.notes.map((note) => `${note}; ${gain}`)] }
}

/** A form with what its statistics were without the values that it changed. */
interface Candidate extends ChosenTransform {
  /** Those of the values that stayed, exactly; of the others ranges alone. */
  readonly base: Statistics
  /** Values to collect anew. */
  readonly fresh: readonly string[]
}

async function transformed(
  input: TransformInput,
  { name, transforms }: TransformCandidate,
  notes: string[],
): Promise<Candidate | null> {
  const { form, samples, runtime, tools, place } = input
  const { ready, placed, known } = form
  const changed = await staticTransforms(ready.model, known.statistics, readSmall, transforms, {
    rounded: new Set(placed.values),
  })
  if (changed.done.length === 0) return null
  const proof = await proveRewrite(ready.model, changed.model, samples, runtime, tools)
  if (!proof.accepted) {
    notes.push(`${name}: ${proof.note}`)
    return null
  }
  const next: StaticReady = { ...ready, model: changed.model }
  const nextPlaced = await place(next)
  const lost = new Set(changed.stale)
  const { values, skipped } = changed.statistics
  const fresh = nextPlaced.values.filter((value) => lost.has(value) || !(values.has(value) || skipped.has(value)))
  const made: Candidate = {
    ready: next,
    placed: nextPlaced,
    known: { ...known, statistics: changed.statistics },
    base: changed.statistics,
    fresh,
    name,
    notes: [`${name}: ${changed.done.length} changes that keep the function (${proof.note})`],
  }
  return { ...made, known: { ...known, statistics: await ranged(input, made, fewOf(samples, known.statistics)) } }
}

async function ranged(
  { collect }: TransformInput,
  { ready, base, fresh }: Candidate,
  samples: SampleSet,
): Promise<Statistics> {
  return fresh.length === 0 ? base : withFresh(base, await collect(ready.model, fresh, samples))
}

/** Evenly spread; the first ones where states go from one to the next. */
function fewOf(samples: SampleSet, { carried }: Statistics): SampleSet {
  const { count } = samples
  if (count <= RANGED) return samples
  const at = (index: number): number => (carried.length > 0 ? index : Math.floor(((index + 0.5) * count) / RANGED))
  return someOf(
    samples,
    Array.from({ length: RANGED }, (_, index) => at(index)),
  )
}

function share(error: number, before: number): string {
  return before > 0 ? `${((100 * error) / before).toFixed(0)} %` : 'as much'
}
