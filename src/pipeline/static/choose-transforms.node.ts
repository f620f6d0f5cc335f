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

/** Samples that candidates are judged on; as many as multiply-adds allow, and so many at least and at most. */
const JUDGED = { work: 3e9, least: 8, most: 64 }
/** Samples that ranges of candidates are from, while they are candidates. */
const RANGED = { work: 6e9, least: 16, most: 256 }
/** Candidates must leave at most this share of the error that stays without them. */
const WORTH = 0.9

/**
 * The function-preserving changes after which the quantized model is nearest to the float one: for every candidate the whole is quantized
 * once with plain rounding and judged by its outputs. Nothing is changed where the gain is within what few samples can show. What wins is
 * proven by running both graphs, else the next one is. One that is asked for by name is taken where it is proven, whatever it gains.
 */
export async function chooseTransforms(input: TransformInput): Promise<ChosenTransform> {
  const { form, asked, samples, sessions, runtime, tools } = input
  const made: Candidate[] = []
  for (const candidate of asked.candidates) {
    if (candidate.transforms.size === 0) continue
    tools.signal?.throwIfAborted()
    tools.notify({ phase: 'equalize', done: made.length, total: asked.candidates.length, note: candidate.name })
    const one = await transformed(input, candidate)
    if (one !== null) made.push(one)
  }
  const notes: string[] = []
  if (made.length === 0) return { ...form, name: 'none', notes }
  const { models, known } = await quantized(input, made)
  const judged = countOf(JUDGED, form.placed, samples)
  const errors = await errorsOfModels(form.ready.model, models, samples, judged, sessions, tools)
  const [before = 0] = errors
  const order = made
    .map((one, at): Judged => ({ one, error: errors[at + 1] ?? Number.NaN }))
    .filter(({ error }) => asked.isForced || error < before * WORTH)
    .sort((a, b) => a.error - b.error)
  for (const { one, error } of order) {
    const { name, ready, placed, count } = one
    const proof = await proveRewrite(form.ready.model, ready.model, samples, runtime, tools)
    if (!proof.accepted) {
      notes.push(`${name}: ${proof.note}`)
      continue
    }
    const statistics = known.get(one) ?? (await recollected(input, one, samples, one.statistics))
    const gain = `error of the outputs on ${judged} samples ${share(error, before)} of what it was`
    const note = `${name}: ${count === 1 ? 'a change that keeps' : `${count} changes that keep`} the function (${proof.note}); ${gain}`
    return { name, ready, placed, known: { ...form.known, statistics }, notes: [...notes, note] }
  }
  return { ...form, name: 'none', notes }
}

interface Judged {
  readonly one: Candidate
  readonly error: number
}

interface Candidate {
  readonly name: string
  readonly ready: StaticReady
  readonly placed: StaticPlaced
  /** Of what stayed as it was; of what changed ranges alone. */
  readonly statistics: Statistics
  /** Values to collect anew. */
  readonly fresh: readonly string[]
  /** Changes that were made. */
  readonly count: number
}

/** Null where there is nothing to change. */
async function transformed(
  { form, place }: TransformInput,
  { name, transforms }: TransformCandidate,
): Promise<Candidate | null> {
  const { ready, placed, known } = form
  const rounded = new Set(placed.values)
  const changed = await staticTransforms(ready.model, known.statistics, readSmall, transforms, { rounded })
  if (changed.done.length === 0) return null
  const next: StaticReady = { ...ready, model: changed.model }
  const nextPlaced = await place(next)
  const lost = new Set(changed.stale)
  const { statistics } = changed
  const { values, skipped } = statistics
  const fresh = nextPlaced.values.filter((value) => lost.has(value) || !(values.has(value) || skipped.has(value)))
  return { name, ready: next, placed: nextPlaced, statistics, fresh, count: changed.done.length }
}

interface Rivals {
  /** The model as it is, and every candidate. */
  readonly models: readonly (() => Model)[]
  /** Statistics of candidates, where they are of all samples. */
  readonly known: ReadonlyMap<Candidate, Statistics>
}

/** Ranges of fewer samples cut more off, so that all rivals have them of the same ones. */
async function quantized(input: TransformInput, made: readonly Candidate[]): Promise<Rivals> {
  const { ready, placed, known } = input.form
  const few = fewOf(input.samples, countOf(RANGED, placed, input.samples), known.statistics)
  const isFew = few.count < input.samples.count
  const plain = isFew ? await input.collect(ready.model, placed.values, few) : known.statistics
  const models = [await input.make(placed, { ...known, statistics: plain })]
  const whole = new Map<Candidate, Statistics>()
  for (const one of made) {
    const fresh = new Set(one.fresh)
    const values = new Map([...plain.values].filter(([name]) => !fresh.has(name)))
    const base = isFew ? withFresh(one.statistics, { ...plain, values }) : one.statistics
    const statistics = await recollected(input, one, few, base)
    if (!isFew) whole.set(one, statistics)
    models.push(await input.make(one.placed, { ...known, statistics }))
  }
  return { models: models.map((model) => () => model), known: whole }
}

async function recollected(
  { collect }: TransformInput,
  { ready, fresh }: Candidate,
  samples: SampleSet,
  base: Statistics,
): Promise<Statistics> {
  return fresh.length === 0 ? base : withFresh(base, await collect(ready.model, fresh, samples))
}

/** Small models can afford more samples: the choice is as good as they are many. */
function countOf({ work, least, most }: typeof JUDGED, { placement }: StaticPlaced, { count }: SampleSet): number {
  const total = placement.multiplyAdds?.total ?? Number.POSITIVE_INFINITY
  return Math.min(count, most, Math.max(least, Math.floor(work / Math.max(1, total))))
}

/** Evenly spread; the first ones where states go from one to the next. */
function fewOf(samples: SampleSet, wanted: number, { carried }: Statistics): SampleSet {
  const { count } = samples
  if (count <= wanted) return samples
  const at = (index: number): number => (carried.length > 0 ? index : Math.floor(((index + 0.5) * count) / wanted))
  return someOf(
    samples,
    Array.from({ length: wanted }, (_, index) => at(index)),
  )
}

function share(error: number, before: number): string {
  return before > 0 ? `${((100 * error) / before).toFixed(0)} %` : 'as much'
}
