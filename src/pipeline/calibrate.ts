import type { SampleSet } from '../calibration/index.ts'
import { mergeValues } from '../calibration/merge-statistics.ts'
import { sampleDigest } from '../calibration/sample-digest.ts'
import type { StatePair } from '../calibration/states.ts'
import { TersorError } from '../errors.ts'
import type { Model } from '../model/graph.ts'
import type { Feeds, Sample, Value } from '../model/runtime.ts'
import type { Statistics, ValueStatistics } from '../model/statistics.ts'
import type { Tools } from '../model/tools.ts'
import { statesOfModel } from './carried-states.ts'
import { channelAxes } from './channel-axes.ts'
import { modelFingerprint } from './model-fingerprint.ts'
import type { ModelSessions } from './model-sessions.ts'
import { LocalPlace, type Look, type Looked, type Place } from './observe-places.ts'
import { lastOf, pooledOf, type Ranged } from './ranged-model.ts'
import { notRun } from './runs-first.ts'
import { type Taps, tapsOf } from './tapped-model.ts'
import { partsOf, ValueSizes } from './value-sizes.ts'
import type { SeenPart } from './value-watch.ts'

export interface CollectOptions {
  /** The float model whose values are looked at. */
  readonly model: Model
  /** Names of values of the main graph (outputs of nodes, graph inputs), and keys of values inside bodies (`bodyValueKey`). */
  readonly values: readonly string[]
  readonly samples: SampleSet
  readonly tools: Tools
  /** Bytes that fetched activations may take, all copies of them together; default 256 MB. */
  readonly maxMemory?: number
  /** Channel dimension of values; default `channelAxes(model)`. */
  readonly axes?: ReadonlyMap<string, number>
  /** States to carry from sample to sample; default those that `statePairs` finds and the data do not give. */
  readonly states?: readonly StatePair[]
  /** Statistics of the first samples of the same data, to go on from: those of a run that ended early. */
  readonly resume?: Statistics
  /** Gets what was seen so far when the run ends early: it was stopped, a sample is bad, the executor fails. */
  readonly onPartial?: (statistics: Statistics) => void | Promise<void>
  /** Default `modelFingerprint(model)`. Samples do not wait for it. */
  readonly fingerprint?: string | Promise<string>
  /** The samples are made up. */
  readonly synthetic?: boolean
  /**
   * A part of large values is enough for histograms: about so many of each in all samples together; and of many samples some are enough for everything
   * but ranges. Default: every one counts.
   */
  readonly counted?: number
}

export interface Calibration {
  readonly statistics: Statistics
  /** Runs over the data: more than one where the activations of one sample do not fit at once. */
  readonly passes: number
  readonly notes: readonly string[]
}

const DEFAULT_MEMORY = 256_000_000
/** Why a value of a branch that no sample took has no statistics, nor one of a Loop that never ran. */
export const NOT_REACHED = 'the data never reach it'
/** Samples that are read before a place is free for them. */
const AHEAD = 2
/** How long samples under way may take to end when the run ends early. */
const PATIENCE_MS = 2000

/**
 * Runs a float model over samples and remembers ranges, histograms and channel sums of values. Memory does not grow with the number
 * of samples: values are fetched in groups that fit `maxMemory` (one that does not is fetched alone), each group in a pass of its own.
 * Samples are seen in several `places` side by side where there are some, else here. What is remembered depends on the model and the
 * samples only.
 *
 * A value that is no float tensor, not finite for some sample or never reached gets no statistics but a reason in `skipped`. E_USAGE without
 * samples; E_RUNTIME, E_FORMAT as the executor and the samples throw them; E_ABORTED when stopped. The sessions are closed.
 */
export async function collectWith(
  sessions: ModelSessions,
  options: CollectOptions,
  placesOf?: (axes: ReadonlyMap<string, number>, least: number | undefined) => Promise<readonly Place[]>,
): Promise<Calibration> {
  try {
    const axes = options.axes ?? channelAxes(options.model)
    const least = leastOf(options)
    const places = (await placesOf?.(axes, least)) ?? [
      new LocalPlace(options.model, sessions, axes, options.tools, least),
    ]
    return await collect(sessions, places, options)
  } finally {
    await sessions.close()
  }
}

/** Values of a sample to count, of those that are looked at in full. */
function leastOf(options: CollectOptions): number | undefined {
  const { counted, samples } = options
  return counted === undefined ? undefined : Math.ceil((counted / Math.max(1, samples.count)) * fullEvery(options))
}

/** One sample of so many is looked at in full: at least 25, where there are as many, and one of four. */
function fullEvery({ counted, samples }: CollectOptions): number {
  return counted === undefined ? 1 : Math.min(4, Math.max(1, Math.floor(samples.count / 25)))
}

async function collect(
  sessions: ModelSessions,
  places: readonly Place[],
  options: CollectOptions,
): Promise<Calibration> {
  const { model, samples, tools } = options
  if (samples.count === 0) throw new TersorError('E_USAGE', 'expected at least one sample to calibrate on, found none')
  const fingerprint = Promise.resolve(options.fingerprint ?? modelFingerprint(model))
  fingerprint.catch(() => undefined)
  const run = new Collecting(sessions, places, options, tapsOf(model, options.values), fingerprint)
  try {
    await run.prepare()
    await run.all()
    return { statistics: run.statistics(await fingerprint), passes: run.passes, notes: run.notes }
  } catch (thrown) {
    const partial = run.statistics(await fingerprint.catch(() => ''))
    if (partial.values.size > 0) await options.onPartial?.(partial)
    if (tools.signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user', { cause: thrown })
    throw thrown
  }
}

class Collecting {
  readonly notes: string[] = []
  passes = 0
  readonly #options: CollectOptions
  readonly #taps: Taps
  readonly #fingerprint: Promise<string>
  readonly #places: readonly Place[]
  /** Undefined for values that nothing was seen of so far. */
  readonly #known = new Map<string, ValueStatistics | undefined>()
  readonly #skipped: Map<string, string>
  readonly #labels: string[] = []
  readonly #digests: string[] = []
  readonly #sizes: ValueSizes
  readonly #most: number
  #pairs: readonly StatePair[] = []
  #ranged: Promise<Ranged> | undefined

  constructor(
    sessions: ModelSessions,
    places: readonly Place[],
    options: CollectOptions,
    taps: Taps,
    fingerprint: Promise<string>,
  ) {
    this.#options = options
    this.#taps = taps
    this.#fingerprint = fingerprint
    this.#skipped = new Map(taps.skipped)
    this.#places = places
    const copies = places.reduce((sum, place) => sum + place.copies, 0)
    const bytes = (options.maxMemory ?? DEFAULT_MEMORY) / copies
    this.#most = Math.max(1, Math.floor(bytes / Float32Array.BYTES_PER_ELEMENT))
    this.#sizes = new ValueSizes(options.model, taps.values, sessions, options.tools.signal)
  }

  /** Which states are carried, and where to go on. */
  async prepare(): Promise<void> {
    const { model, samples, states } = this.#options
    this.#pairs = states ?? statesOfModel(model, samples)
    const resumed = await this.#resumed()
    this.#labels.push(...(resumed?.labels ?? []))
    this.#digests.push(...(resumed?.digests ?? []))
    for (const name of [...this.#taps.inputs, ...this.#taps.values]) {
      const from = resumed?.values.get(name)
      const reason = resumed?.skipped.get(name)
      // More samples may reach it.
      const open = reason === NOT_REACHED && this.#labels.length < samples.count
      if (reason !== undefined && !open) this.#skipped.set(name, reason)
      else this.#known.set(name, from)
    }
  }

  /** Passes until every value has seen every sample. */
  async all(): Promise<void> {
    const { count } = this.#options.samples
    for (;;) {
      const waiting = [...this.#known].filter(([, known]) => seenOf(known) < count)
      if (waiting.length === 0) return
      const from = Math.min(...waiting.map(([, known]) => seenOf(known)))
      const names = waiting.filter(([, known]) => seenOf(known) === from).map(([name]) => name)
      await this.#pass(from, names)
    }
  }

  statistics(fingerprint: string): Statistics {
    const values = new Map<string, ValueStatistics>()
    const skipped = new Map(this.#skipped)
    for (const [name, known] of this.#known) {
      if (known === undefined || seenOf(known) === 0) continue
      if (known.count > 0) values.set(name, known)
      else skipped.set(name, NOT_REACHED)
    }
    return {
      model: fingerprint,
      labels: [...this.#labels],
      values: new Map(this.#options.values.flatMap((name) => (values.has(name) ? [[name, values.get(name)!]] : []))),
      skipped: new Map([...skipped].sort(([a], [b]) => (a < b ? -1 : 1))),
      carried: this.#pairs.map(({ input, output }) => `${input} <- ${output}`),
      digests: this.#labels.map((_, index) => this.#digests[index] ?? ''),
      ...(this.#options.synthetic ? { synthetic: true as const } : {}),
    }
  }

  /** One group of values over the samples from `from` on. */
  async #pass(from: number, names: readonly string[]): Promise<void> {
    this.passes += 1
    const underway = new Set<Promise<void>>()
    try {
      await this.#lookAll(from, names, underway)
      await Promise.all(underway)
    } catch (thrown) {
      if (await endedSoon(underway)) await this.#take(from)
      throw thrown
    }
    await this.#take(from)
    const { count } = this.#options.samples
    this.#options.tools.notify({ phase: 'calibrate', done: count, total: count })
  }

  async #lookAll(from: number, names: readonly string[], underway: Set<Promise<void>>): Promise<void> {
    const { samples, tools } = this.#options
    let group: readonly string[] | undefined
    const ahead: Promise<Sample>[] = []
    const carried = new Map<string, Value>()
    // A state has to be known before the next sample can run.
    const idle = this.#pairs.length > 0 ? this.#places.slice(0, 1) : rooms(this.#places)
    let wake: () => void = () => undefined
    let failed: { readonly thrown: unknown } | undefined
    for (let index = from; index < samples.count; index++) {
      for (let next = index + ahead.length; next <= index + AHEAD && next < samples.count; next++)
        ahead.push(this.#sample(next, ahead.at(-1)))
      const sample = await ahead.shift()!
      tools.signal?.throwIfAborted()
      tools.notify({ phase: 'calibrate', done: index, total: samples.count, note: sample.label })
      this.#labels[index] ??= sample.label
      while (idle.length === 0 && !failed) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      if (failed) throw failed.thrown
      tools.signal?.throwIfAborted()
      const feeds = this.#withStates(sample, carried)
      const sizes = await this.#sizes.of(feeds)
      group ??= this.#firstGroup(names, sizes)
      const place = idle.shift()!
      const looking = this.#lookedAt(place, index, { ...sample, feeds }, group, sizes).then(
        ({ given, digest }) => {
          if (digest !== undefined) this.#digests[index] = digest
          for (const { input, output } of this.#pairs) carried.set(input, given[output] as Value)
        },
        (thrown: unknown) => {
          failed ??= { thrown: index === 0 ? notRun(sample.label, feeds, thrown) : thrown }
        },
      )
      const done = looking.then(() => {
        underway.delete(done)
        idle.push(place)
        wake()
      })
      underway.add(done)
    }
    await Promise.all(underway)
    if (failed) throw failed.thrown
  }

  /** An executor may have no minimum of some type; then the sample is looked at in full. */
  async #lookedAt(
    place: Place,
    index: number,
    sample: Sample,
    group: readonly string[],
    sizes: ReadonlyMap<string, number>,
  ): Promise<Looked> {
    const { ranges, ...look } = await this.#look(index, sample, group, sizes)
    const parts = this.#parts(group, sizes)
    if (!ranges) return place.look({ ...look, parts })
    try {
      return await place.look({ ...look, ranges })
    } catch (thrown) {
      if (this.#options.tools.signal?.aborted) throw thrown
    }
    const { feeds } = look.isOwn ? await this.#options.samples.at(index) : sample
    return place.look({ ...look, feeds, parts })
  }

  async #look(
    index: number,
    { feeds, isOwn = false }: Sample,
    group: readonly string[],
    sizes: ReadonlyMap<string, number>,
  ): Promise<Look> {
    const inputs = group.filter((name) => this.#taps.inputs.includes(name))
    const also = this.#pairs.map(({ output }) => output)
    // What is fed in later passes was seen in the first one; states are of several samples.
    const isNew = !this.#digests[index]
    const look = { index, feeds, inputs, parts: [], also, isNew, isOwn: isOwn && also.length === 0 }
    if (also.length > 0 || index % fullEvery(this.#options) === 0) return look
    // Where nothing is sure to be there, nothing is sure to have a range.
    const shapes = this.#sizes.shapesOf(sizes)
    const { values } = this.#taps
    if (shapes === undefined || values.length === 0 || values.some((name) => !sizes.get(name))) return look
    this.#ranged ??= this.#rangedOf(shapes)
    return { ...look, ranges: { of: await this.#ranged, wanted: new Set(group) } }
  }

  async #rangedOf(shapes: ReadonlyMap<string, readonly number[]>): Promise<Ranged> {
    const { values } = this.#taps
    const checked = lastOf(this.#options.model.graph, this.#options.values)
    const plain = values.filter((name) => !checked.has(name))
    return { values, pooled: await pooledOf(this.#options.model, plain, shapes), checked }
  }

  /** What the places have seen since the samples from `from` on began. */
  async #take(from: number): Promise<void> {
    // All at once: each settles its sums first.
    const all = await Promise.all(this.#places.map((place) => place.take()))
    const parts = new Map<string, SeenPart[]>()
    const lost = new Map<string, { readonly index: number; readonly reason: string }>()
    for (const watched of all) {
      for (const [name, part] of watched.seen) parts.set(name, [...(parts.get(name) ?? []), part])
      for (const [name, one] of watched.lost) {
        const earlier = lost.get(name)
        if (earlier === undefined || one.index < earlier.index) lost.set(name, one)
      }
    }
    for (const [name, { index, reason }] of lost) {
      this.#known.delete(name)
      this.#skipped.set(name, `${this.#labels[index]}: ${reason}`)
    }
    for (const [name, seen] of parts) {
      if (this.#known.has(name)) this.#known.set(name, joined(this.#known.get(name), seen, from))
    }
  }

  /** As many values as fit, in the order they were asked for; at least one. */
  #firstGroup(names: readonly string[], sizes: ReadonlyMap<string, number>): readonly string[] {
    const inputs = names.filter((name) => this.#taps.inputs.includes(name))
    const [first = []] = this.#parts(names, sizes)
    return [...inputs, ...first]
  }

  #parts(names: readonly string[], sizes: ReadonlyMap<string, number>): readonly (readonly string[])[] {
    const values = names.filter((name) => !this.#taps.inputs.includes(name))
    for (const name of values) {
      const size = sizes.get(name) ?? 0
      if (size > this.#most)
        this.#note(`${name}: ${size} elements do not fit the memory for activations; fetched alone`)
    }
    return partsOf(values, sizes, this.#most)
  }

  /** A state of another shape than this sample's starts again as the data say. */
  #withStates({ feeds }: Sample, carried: ReadonlyMap<string, Value>): Feeds {
    const states = [...carried].filter(([name, value]) => {
      const own = Object.hasOwn(feeds, name) ? feeds[name] : undefined
      return own === undefined || (own.dtype === value.dtype && String(own.shape) === String(value.shape))
    })
    return states.length === 0 ? feeds : { ...feeds, ...Object.fromEntries(states) }
  }

  /** One after the other: whoever makes samples need not be able to make several at once. */
  #sample(index: number, before: Promise<unknown> | undefined): Promise<Sample> {
    const read = (): Promise<Sample> => this.#options.samples.at(index)
    const reading = before === undefined ? read() : before.then(read)
    // Asked for ahead: whoever awaits it hears of a failure, nobody else.
    reading.catch(() => undefined)
    return reading
  }

  /** Statistics to go on from, where they are of this model and these data; else a note. */
  async #resumed(): Promise<Statistics | undefined> {
    const { resume, samples } = this.#options
    const seen = resume?.labels.length ?? 0
    if (resume === undefined || seen === 0) return undefined
    const refuse = (why: string): undefined => {
      this.#note(`statistics to go on from were not used: ${why}`)
    }
    if (resume.model !== (await this.#fingerprint)) return refuse('they are of another model')
    if (this.#pairs.length > 0) return refuse('states are carried from the first sample on')
    if (seen > samples.count) return refuse(`they have seen ${seen} samples, the data have ${samples.count}`)
    for (const index of new Set([0, seen - 1])) {
      const { label, feeds } = await samples.at(index)
      if (label !== resume.labels[index]) {
        return refuse(`sample ${index} is "${label}", theirs is "${resume.labels[index]}"`)
      }
      const digest = resume.digests?.[index] ?? ''
      if (digest !== '' && digest !== (await sampleDigest(feeds))) {
        return refuse(`sample ${index}, "${label}", has other contents now`)
      }
    }
    return resume
  }

  #note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text)
  }
}

function seenOf(known: ValueStatistics | undefined): number {
  return (known?.samples.length ?? 0) / 2
}

function rooms(places: readonly Place[]): Place[] {
  const most = Math.max(...places.map(({ room }) => room))
  // One sample for each place before any place gets a second one.
  return Array.from({ length: most }, (_, at) => places.filter(({ room }) => room > at)).flat()
}

/** Statistics of the first samples, and of what the places saw of those that follow; as they were where one in between is missing. */
function joined(
  known: ValueStatistics | undefined,
  parts: readonly SeenPart[],
  from: number,
): ValueStatistics | undefined {
  const indices = parts.flatMap((part) => part.indices)
  if (Math.max(...indices) !== from + indices.length - 1) return known
  const samples = new Float32Array(2 * (from + indices.length))
  if (known) samples.set(known.samples)
  let all = known
  for (const { indices: own, statistics } of parts) {
    for (const [at, index] of own.entries()) samples.set(statistics.samples.subarray(2 * at, 2 * at + 2), 2 * index)
    all = all === undefined ? statistics : mergeValues(all, statistics)
  }
  return all && { ...all, samples }
}

/** False where something takes too long; what it does is not waited for. */
async function endedSoon(underway: ReadonlySet<Promise<void>>): Promise<boolean> {
  if (underway.size === 0) return true
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), PATIENCE_MS)
  })
  const ended = Promise.allSettled(underway).then(() => true)
  return Promise.race([ended, late]).finally(() => clearTimeout(timer))
}
