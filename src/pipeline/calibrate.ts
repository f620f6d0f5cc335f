import { floatsOf } from '../calibration/convert.ts'
import type { SampleSet } from '../calibration/index.ts'
import { sampleDigest } from '../calibration/sample-digest.ts'
import { type StatePair, statePairs } from '../calibration/states.ts'
import { asSingles, ValueCollector } from '../calibration/value-collector.ts'
import { TersorError } from '../errors.ts'
import type { Model } from '../model/graph.ts'
import type { Feeds, Sample, Value } from '../model/runtime.ts'
import type { Statistics, ValueStatistics } from '../model/statistics.ts'
import type { Tools } from '../model/tools.ts'
import { breather } from './breath.ts'
import { channelAxes } from './channel-axes.ts'
import { modelFingerprint } from './model-fingerprint.ts'
import type { ModelSessions } from './model-sessions.ts'
import { FLOATS, type Taps, tappedModel, tapsOf } from './tapped-model.ts'
import { partsOf, SIZES, ValueSizes } from './value-sizes.ts'

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
  /** Default `modelFingerprint(model)`. */
  readonly fingerprint?: string
  /** The samples are made up. */
  readonly synthetic?: boolean
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
/** Copies of an activation at a time: the executor's, the one handed over, and the one before that is still being counted. */
const COPIES = 4

/**
 * Runs a float model over samples, one after the other, and remembers ranges, histograms and channel sums of values. Memory does
 * not grow with the number of samples: values are fetched in groups that fit `maxMemory` (one that does not is fetched alone),
 * each group in a pass of its own. What is remembered depends on the model and the samples only.
 *
 * A value that is no float tensor, not finite for some sample or never reached gets no statistics but a reason in `skipped`. E_USAGE without
 * samples; E_RUNTIME, E_FORMAT as the executor and the samples throw them; E_ABORTED when stopped. The sessions are closed.
 */
export async function collectWith(sessions: ModelSessions, options: CollectOptions): Promise<Calibration> {
  try {
    return await collect(sessions, options)
  } finally {
    await sessions.close()
  }
}

async function collect(sessions: ModelSessions, options: CollectOptions): Promise<Calibration> {
  const { model, samples, tools } = options
  if (samples.count === 0) throw new TersorError('E_USAGE', 'expected at least one sample to calibrate on, found none')
  const fingerprint = options.fingerprint ?? (await modelFingerprint(model, tools.signal))
  const run = new Collecting(sessions, options, tapsOf(model, options.values), fingerprint)
  try {
    await run.prepare()
    await run.all()
    return { statistics: run.statistics(), passes: run.passes, notes: run.notes }
  } catch (thrown) {
    const partial = run.statistics()
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
  readonly #fingerprint: string
  readonly #sessions: ModelSessions
  readonly #axes: ReadonlyMap<string, number>
  readonly #collectors = new Map<string, ValueCollector>()
  readonly #skipped: Map<string, string>
  readonly #labels: string[] = []
  readonly #digests: string[] = []
  readonly #sizes: ValueSizes
  readonly #most: number
  readonly #breathe = breather()
  #pairs: readonly StatePair[] = []

  constructor(sessions: ModelSessions, options: CollectOptions, taps: Taps, fingerprint: string) {
    this.#options = options
    this.#taps = taps
    this.#fingerprint = fingerprint
    this.#skipped = new Map(taps.skipped)
    this.#axes = options.axes ?? channelAxes(options.model)
    this.#most = Math.max(
      1,
      Math.floor((options.maxMemory ?? DEFAULT_MEMORY) / COPIES / Float32Array.BYTES_PER_ELEMENT),
    )
    this.#sessions = sessions
    this.#sizes = new ValueSizes(options.model, taps.values, this.#sessions, options.tools.signal)
  }

  /** Which states are carried, and where to go on. */
  async prepare(): Promise<void> {
    const { model, samples, states } = this.#options
    const given = new Set(samples.filled.map((text) => text.slice(0, text.lastIndexOf(': '))))
    const inputs = model.graph.inputs.flatMap(({ name, dtype, shape }) =>
      dtype === undefined ? [] : [{ name, dtype, shape: shape ?? [] }],
    )
    this.#pairs = states ?? statePairs(inputs, model.graph.outputs).filter(({ input }) => given.has(input))
    const resumed = await this.#resumed()
    this.#labels.push(...(resumed?.labels ?? []))
    this.#digests.push(...(resumed?.digests ?? []))
    for (const name of [...this.#taps.inputs, ...this.#taps.values]) {
      const from = resumed?.values.get(name)
      const reason = resumed?.skipped.get(name)
      // More samples may reach it.
      const open = reason === NOT_REACHED && this.#labels.length < samples.count
      if (reason !== undefined && !open) this.#skipped.set(name, reason)
      else this.#collectors.set(name, new ValueCollector(this.#options.tools.kernels, this.#axes.get(name), from))
    }
  }

  /** Passes until every value has seen every sample. */
  async all(): Promise<void> {
    const { count } = this.#options.samples
    for (;;) {
      const waiting = [...this.#collectors].filter(([, { seen }]) => seen < count)
      if (waiting.length === 0) return
      const from = Math.min(...waiting.map(([, { seen }]) => seen))
      const names = waiting.filter(([, { seen }]) => seen === from).map(([name]) => name)
      await this.#pass(from, names)
    }
  }

  statistics(): Statistics {
    const values = new Map<string, ValueStatistics>()
    const skipped = new Map(this.#skipped)
    for (const [name, collector] of this.#collectors) {
      if (collector.seen === 0) continue
      const known = collector.statistics()
      if (known.count > 0) values.set(name, known)
      else skipped.set(name, NOT_REACHED)
    }
    return {
      model: this.#fingerprint,
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
    const { samples, tools } = this.#options
    this.passes += 1
    let group: readonly string[] | undefined
    let next = this.#sample(from)
    let waiting: (() => Promise<void>) | undefined
    const carried = new Map<string, Value>()
    for (let index = from; index < samples.count; index++) {
      const sample = await next
      if (index + 1 < samples.count) next = this.#sample(index + 1)
      tools.signal?.throwIfAborted()
      tools.notify({ phase: 'calibrate', done: index, total: samples.count, note: sample.label })
      this.#labels[index] ??= sample.label
      this.#digests[index] ??= await sampleDigest(sample.feeds)
      const feeds = this.#withStates(sample, carried)
      const sizes = await this.#sizes.of(feeds)
      group ??= this.#firstGroup(names, sizes)
      const parts = this.#parts(group, sizes)
      await this.#sessions.keepOnly(new Set([SIZES, ...parts.map(keyOf)]))
      const inputs = group.filter((name) => this.#taps.inputs.includes(name))
      let results: Feeds = {}
      for (const [at, part] of parts.entries()) {
        const running = this.#run(part, feeds)
        running.catch(() => undefined)
        await waiting?.()
        results = await running
        const seen = at === 0 ? { ...pick(feeds, inputs), ...pick(results, part) } : pick(results, part)
        waiting = () => this.#observe(seen, sample.label)
      }
      for (const { input, output } of this.#pairs) carried.set(input, results[output] as Value)
    }
    await waiting?.()
    tools.notify({ phase: 'calibrate', done: samples.count, total: samples.count })
  }

  async #run(values: readonly string[], feeds: Feeds): Promise<Feeds> {
    const { model, tools } = this.#options
    const also = this.#pairs.map(({ output }) => output)
    if (values.length + also.length === 0) return {}
    const session = await this.#sessions.session(keyOf(values), () => tappedModel(model, values, also))
    return session.run(feeds, tools.signal)
  }

  async #observe(values: Feeds, label: string): Promise<void> {
    for (const [name, value] of Object.entries(values)) {
      const collector = this.#collectors.get(name)
      if (collector === undefined) continue
      await this.#breathe()
      const reason = added(collector, value)
      if (reason === undefined) continue
      this.#collectors.delete(name)
      this.#skipped.set(name, `${label}: ${reason}`)
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

  #sample(index: number): Promise<Sample> {
    const reading = this.#options.samples.at(index)
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
    if (resume.model !== this.#fingerprint) return refuse('they are of another model')
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

/** Adds a value to what is remembered, or says why it cannot be remembered. */
function added(collector: ValueCollector, value: Value): string | undefined {
  if (!FLOATS.has(value.dtype)) return `elements of type ${value.dtype}`
  try {
    collector.add(asSingles(floatsOf(value)), value.shape)
    return undefined
  } catch (thrown) {
    if (thrown instanceof TersorError && thrown.code === 'E_NONFINITE') return thrown.message
    throw thrown
  }
}

function keyOf(values: readonly string[]): string {
  return JSON.stringify(values)
}

function pick(values: Feeds, names: readonly string[]): Feeds {
  return Object.fromEntries(names.flatMap((name) => (Object.hasOwn(values, name) ? [[name, values[name]!]] : [])))
}
