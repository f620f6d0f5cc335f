import type { SampleSet } from '../../calibration/index.ts'
import { asTersorError, TersorError } from '../../errors.ts'
import { type BodyModel, bodyStatistics, bodyValueKey } from '../../graph/bodies/index.ts'
import { takeInventory } from '../../graph/index.ts'
import { scopeLabel } from '../../graph/labels.ts'
import { type AskedForm, placeActivations } from '../../graph/placement/index.ts'
import type { Placement, StaticProduct } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { Verdict } from '../../model/report.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import { type BodySamples, bodySamples } from '../body-samples.ts'
import { collectWith } from '../calibrate.ts'
import { changeBodies, type PreparedBodies } from '../changed-bodies.ts'
import type { GraphRecord } from '../graph-record.ts'
import type { ModelSessions } from '../model-sessions.ts'
import type { Phases } from '../phases.ts'
import type { Prepared } from '../run.ts'
import { dataOf } from '../statistics-need.ts'
import type { StatisticsRecord } from '../statistics-record.ts'
import { readSmall } from '../tensor-bytes.ts'
import type { SharePart } from './integer-share.ts'
import { NO_CHOICES, type StaticReady, type StaticStage, staticStage } from './static-model.ts'

/** Quantizes one body over samples of its own, as a model is. */
export interface BodyRun {
  stage(): Promise<StaticStage>
  raise(verdict: Verdict): Promise<string | null>
  close(): Promise<void>
}

export interface BodiesOptions {
  readonly prepared: Prepared
  /** Products that a rule keeps, by label. */
  readonly keep: ReadonlySet<string>
  /** Forms that rules ask for, by label. */
  readonly forms: ReadonlyMap<string, AskedForm>
  /** Of the whole model; opened when they are asked for. */
  readonly inputs: BodyInputs
  readonly record: StatisticsRecord
  readonly synthetic: boolean
  readonly ask: Ask
  readonly tools: Tools
  readonly phases: Phases
  readonly maxMemory?: number
  newSessions(): Promise<ModelSessions>
  open(prepared: Prepared, ready: StaticReady, inputs: BodyInputs, record: GraphRecord): Promise<BodyRun>
}

/** All samples, and those of them that statistics are still to be collected of. */
export interface BodyInputs {
  samples(): Promise<SampleSet>
  added(): Promise<SampleSet>
}

interface Part {
  readonly body: BodyModel
  readonly run?: BodyRun
  readonly stage?: StaticStage
}

/**
 * Bodies of a model in integers. A branch of an If that the data reach is a model with samples of its own; bodies that run many times
 * for a sample take ranges over all of their runs; what the data never reach takes its ranges when it runs.
 */
export class StaticBodies {
  readonly #bodies: PreparedBodies
  readonly #parts: readonly Part[]
  readonly #sessions: readonly ModelSessions[]
  readonly #notes: readonly string[]
  /** Bodies in which nothing runs in integers. */
  readonly #float: readonly SharePart[]

  /** E_RUNTIME, E_FORMAT as the executor and the samples throw them. */
  static async open(bodies: PreparedBodies, options: BodiesOptions): Promise<StaticBodies> {
    const parts: Part[] = []
    const sessions: ModelSessions[] = []
    const notes: string[] = []
    const float: SharePart[] = []
    const opening = new StaticBodies(bodies, parts, sessions, notes, float)
    try {
      for (const body of bodies.bodies) {
        const { inputs, record, tools } = options
        const find = async (which: () => Promise<SampleSet>): Promise<BodySamples> => {
          const own = await options.newSessions()
          sessions.push(own)
          return bodySamples(bodies.model, body, await which(), own, tools)
        }
        const added = once(() => find(() => inputs.added()))
        const all = once(async () =>
          (await inputs.added()) === (await inputs.samples()) ? added() : find(() => inputs.samples()),
        )
        const known = record.body(body.key)
        const reason = known.isKnown ? known.reason : known.settle((await added()).reason)
        const part =
          reason === undefined
            ? { body, run: await opened(body, { samples: setOf(all), added: setOf(added) }, known, options) }
            : { body, stage: await unsampled(bodies.model, body, reason, known, options) }
        if (part.run === null || part.stage === null) {
          notes.push(`${scopeLabel(body.path)}: nothing in it can run in integers`)
          float.push({ path: body.path, placement: await floatPlacement(body, options) })
        } else parts.push(part as Part)
        if (reason !== undefined) notes.push(`${scopeLabel(body.path)}: ${reason}; ${RANGES}`)
      }
      return opening
    } catch (thrown) {
      await opening.close()
      throw thrown
    }
  }

  private constructor(
    bodies: PreparedBodies,
    parts: readonly Part[],
    sessions: readonly ModelSessions[],
    notes: readonly string[],
    float: readonly SharePart[],
  ) {
    this.#bodies = bodies
    this.#parts = parts
    this.#sessions = sessions
    this.#notes = notes
    this.#float = float
  }

  /** True when no body has anything to run in integers. */
  get isEmpty(): boolean {
    return this.#parts.length === 0
  }

  /** The stage of the main graph with the bodies put in. `main`: made from the model of the prepared bodies. */
  async into(main: StaticStage): Promise<StaticStage> {
    const stages = new Map<string, StaticStage>()
    const notes = [...main.notes]
    for (const { body, run, stage } of this.#parts) {
      const made = stage ?? (await run?.stage())
      if (made === undefined) continue
      stages.set(body.key, made)
      notes.push(...made.notes.map((note) => `${scopeLabel(body.path)}: ${note}`))
    }
    const model = await changeBodies(
      { model: main.prepared.model, bodies: this.#bodies.bodies },
      async ({ key }): Promise<Model | null> => stages.get(key)?.prepared.model ?? null,
    )
    const all = [main, ...stages.values()]
    return {
      ...main,
      prepared:
        model === main.prepared.model
          ? main.prepared
          : { ...main.prepared, model, inventory: await takeInventory(model, readSmall) },
      decisions: all.flatMap(({ decisions }) => decisions),
      points: all.flatMap(({ points }) => points ?? []),
      notes: [...notes, ...this.#notes],
    }
  }

  /** What every body multiplies, and how. */
  async shareParts(): Promise<readonly SharePart[]> {
    const parts: SharePart[] = [...this.#float]
    for (const { body, run, stage } of this.#parts) {
      const made = stage ?? (await run?.stage())
      if (made) parts.push({ path: body.path, placement: made.parts.placement })
    }
    return parts
  }

  /** More precision in every body; null when there is nothing to be done in any. */
  async raise(verdict: Verdict): Promise<string | null> {
    const done: string[] = []
    for (const { run, body } of this.#parts) {
      const raised = await run?.raise(verdict)
      if (raised) done.push(`${raised} (${scopeLabel(body.path)})`)
    }
    return done.length === 0 ? null : done.join(', ')
  }

  async close(): Promise<void> {
    for (const { run } of this.#parts) await run?.close()
    for (const one of this.#sessions) await one.close()
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** None where the data never reach the body now. */
function setOf(find: () => Promise<BodySamples>): () => Promise<SampleSet> {
  return async () => (await find()).samples ?? NONE
}

const NONE: SampleSet = {
  count: 0,
  found: 0,
  at: () => Promise.reject(new TersorError('E_INTERNAL', 'a sample of an empty set was asked for')),
  skipped: [],
  filled: [],
  converted: [],
}

/** Where there are no samples of a body. */
const RANGES = 'its ranges are those of all its runs, and where there are none they are found when it runs'

/** Null for a body that stays float. */
async function opened(
  body: BodyModel,
  inputs: BodyInputs,
  record: GraphRecord,
  options: BodiesOptions,
): Promise<BodyRun | null> {
  const { prepared, keep, forms } = options
  const inventory = await takeInventory(body.model, readSmall)
  try {
    return await options.open(
      { ...prepared, model: body.model, inventory },
      { model: body.model, keep, forms, notes: [], bodiesApart: true },
      inputs,
      record,
    )
  } catch (thrown) {
    if (asTersorError(thrown).code === 'E_PLAN') return null
    throw thrown
  }
}

/** Ranges from the whole model, where the data reach the body; null for a body that stays float. */
async function unsampled(
  model: Model,
  body: BodyModel,
  reason: string,
  record: GraphRecord,
  options: BodiesOptions,
): Promise<StaticStage | null> {
  const { ask, tools, phases, prepared, keep, inputs, synthetic, maxMemory } = options
  const place = (forms: ReadonlyMap<string, AskedForm>): Promise<Placement> =>
    placeActivations(body.model, ask.target, { readSmall, keep, forms: new Map([...options.forms, ...forms]) })
  let placement = await place(new Map())
  const values = [...new Set(placement.points.map(({ value }) => bodyValueKey(body.path, value)))]
  const collected = await record.known({ model, values, reason }, async (from) => {
    const [sessions, samples] = [await options.newSessions(), await inputs.added()]
    const limit = maxMemory === undefined ? {} : { maxMemory }
    return phases.time('calibrate', () =>
      collectWith(sessions, { model, values, samples, tools, synthetic, ...limit, ...from }),
    )
  })
  const statistics = bodyStatistics(collected.statistics, body.path)
  const forms = new Map<string, AskedForm>()
  for (let unseen = unseenOf(placement, statistics); unseen.length > 0; unseen = unseenOf(placement, statistics)) {
    const before = forms.size
    for (const label of unseen) forms.set(label, 'dynamic')
    if (forms.size === before) for (const { label } of placement.products.filter(isFixed)) forms.set(label, 'dynamic')
    if (forms.size === before) return null
    placement = await place(forms)
  }
  if (placement.products.every(({ form }) => form === 'stored')) return null

  const placed = { model: body.model, keep, notes: collected.notes, placement, values, bodiesApart: true }
  return staticStage(prepared, placed, { statistics, data: dataOf(statistics) }, NO_CHOICES, ask, tools, phases)
}

/** Products with an operand that was not seen; all of them where another value was not. */
function unseenOf({ products, points }: Placement, { values }: Statistics): readonly string[] {
  if (points.every(({ value }) => values.has(value))) return []
  return products
    .filter((one) => isFixed(one) && one.operands.some((name) => !values.has(name)))
    .map(({ label }) => label)
}

/** Reads codes whose range is fixed in the file. */
function isFixed({ form }: StaticProduct): boolean {
  return form !== 'dynamic' && form !== 'dynamic-wide'
}

/** A body as it is when nothing in it runs in integers. */
async function floatPlacement({ model }: BodyModel, { ask, keep }: BodiesOptions): Promise<Placement> {
  const placement = await placeActivations(model, ask.target, { readSmall, keep })
  return { ...placement, products: placement.products.map((one) => ({ ...one, form: 'stored' })) }
}
