import type { SampleSet } from '../../calibration/index.ts'
import { keepSamples } from '../../calibration/keep-samples.ts'
import type { Calibrator } from '../../calibration/ranges/index.ts'
import type { Model } from '../../model/graph.ts'
import type { LayerFacts } from '../../model/layer-facts.ts'
import type { Verdict } from '../../model/report.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import { neededReduction } from '../attempts.ts'
import { collectStatistics } from '../calibrate.node.ts'
import type { GraphRecord } from '../graph-record.ts'
import type { Phases } from '../phases.ts'
import type { Prepared } from '../run.ts'
import { TapSessions } from '../tap-sessions.node.ts'
import { chooseRanges } from './choose-ranges.ts'
import { chooseTransforms } from './choose-transforms.node.ts'
import { endsOf } from './ends.ts'
import { fitWeights } from './fit-weights.node.ts'
import { staticLayerFacts } from './layer-report.node.ts'
import { measureNoise } from './measure-noise.ts'
import { raiseActivations } from './raise.ts'
import { RoundedWeights } from './rounded-weights.ts'
import { withFresh } from './scaled-statistics.ts'
import { sparedNote, spareEnds } from './spare-ends.ts'
import { fittedStage, makeStage, openGraph, recordedStage, type StaticGraph } from './static-graph.ts'
import type { RunInputs, StaticInputOptions } from './static-inputs.node.ts'
import {
  calibratorsOf,
  type Fit,
  NO_CHOICES,
  placeStatic,
  type StaticChoices,
  type StaticKnown,
  type StaticPlaced,
  type StaticReady,
  type StaticStage,
} from './static-model.ts'
import { transformAsk, transformsFor } from './transform-candidates.ts'
import { Trial } from './trial.ts'

export interface StaticOptions extends StaticInputOptions {
  readonly calibrator?: Calibrator
  readonly maxMemory?: number
  /** How long trials and corrections may take; default 'default'. */
  readonly effort?: 'fast' | 'default' | 'best'
  /** Function-preserving changes before ranges are chosen: 'auto' (the default: what measures better), 'none', or names. */
  readonly transform?: string
}

/**
 * Samples of a trial, runs it may take for each sample of the data, and samples for the ends of the model; by effort. Ranges tried on two samples were worse on MobileNetV2
 * than the percentile everywhere (97.0 against 98.7 % of equal answers), so that they are tried where eight can be afforded.
 */
const TRIALS = {
  fast: { samples: 0, runs: 0, ends: 0 },
  default: { samples: 2, runs: 0, ends: 4 },
  best: { samples: 8, runs: Number.POSITIVE_INFINITY, ends: 8 },
} as const

/** Predictions are aimed this much below the threshold at first, and lower when that was not enough. */
const AIMS = [0.8, 0.5, 0.3, 0.15, 0.05]

/** Values of each tensor, over all samples, that fast histograms are made of. */
const FAST_COUNT = 1 << 21

/** What is not kept for other runs need not be of every value. */
function countedFor({ effort, statistics }: StaticOptions): { readonly counted?: number } {
  return effort === 'fast' && statistics === undefined ? { counted: FAST_COUNT } : {}
}

/**
 * Static quantization of one model: rewrite -> place -> calibrate -> choose -> grids -> weights -> pairs, and again with more precision where
 * the error comes from, as long as the verdict asks for it.
 */
export class StaticRun {
  readonly #prepared: Prepared
  readonly #ask: Ask
  readonly #options: StaticOptions
  readonly #tools: Tools
  readonly #phases: Phases
  readonly #inputs: RunInputs
  readonly #record: GraphRecord
  #ready: StaticReady
  #placed: StaticPlaced
  #known: StaticKnown
  #choices: StaticChoices
  /** Of the graph as it was given, and those that were collected again after it was changed. */
  #seen: Statistics
  #fresh: Statistics | undefined
  #stage: StaticStage | undefined
  #opened: TapSessions | undefined
  #kept: SampleSet | undefined
  #raised = 0

  /**
   * Runs the float model over the data, as far as the record does not know what comes out: a whole model, or a body with samples of its
   * own. The runtime stays the caller's.
   */
  static async over(
    prepared: Prepared,
    ready: StaticReady,
    inputs: RunInputs,
    record: GraphRecord,
    ask: Ask,
    options: StaticOptions,
    tools: Tools,
    phases: Phases,
  ): Promise<StaticRun> {
    const rounded = new RoundedWeights()
    const given = { prepared, ready: { ...ready, rounded }, record, ask, options, tools, phases }
    const graph = await openGraph(given, async (values, from, { model, placement }) => {
      const [samples, runtime] = [await inputs.added(), await inputs.runtime()]
      const found = await phases.time('calibrate', async () => {
        const collecting = collectStatistics({
          model: ready.model,
          values,
          samples,
          runtime,
          tools,
          synthetic: options.calib === undefined,
          ...countedFor(options),
          ...(options.maxMemory === undefined ? {} : { maxMemory: options.maxMemory }),
          ...from,
        })
        await rounded.ahead(model, placement, ask.solver === 'nearest' ? 'extreme' : 'error', tools, collecting)
        return collecting
      })
      return { ...found, notes: [...samples.skipped, ...(samples.notes ?? []), ...found.notes] }
    })
    return new StaticRun(graph, inputs, options)
  }

  private constructor(graph: StaticGraph, inputs: RunInputs, options: StaticOptions) {
    this.#prepared = graph.prepared
    this.#ask = graph.ask
    this.#options = options
    this.#tools = graph.tools
    this.#phases = graph.phases
    this.#inputs = inputs
    this.#record = graph.record
    this.#ready = graph.ready
    this.#placed = graph.placed
    this.#known = graph.known
    this.#choices = graph.choices
    this.#seen = graph.seen
    this.#fresh = graph.fresh
  }

  /** The model with its pairs, by what is chosen so far. */
  async stage(): Promise<StaticStage> {
    // What the record knows is not found again.
    this.#stage ??= await recordedStage(this.#graph)
    if (this.#stage === undefined) {
      await this.#chooseTransforms()
      await this.#chooseRanges()
      await this.#spareEnds()
      this.#stage = await fittedStage(this.#graph, await this.#fit())
    }
    return this.#stage
  }

  /** More precision where the noise is made, after a refusal; what was done in words, or null when there is nothing to be done. */
  async raise(verdict: Verdict): Promise<string | null> {
    // Weights of few bits make most of the noise: 16-bit activations take none of it away.
    if ((this.#ready.lowBits?.size ?? 0) > 0) return null
    const reduction = neededReduction(verdict)
    const aim = AIMS[this.#raised]
    if (reduction === null || aim === undefined || !this.#record.hasData) return null
    this.#raised += 1
    const trial = await this.#trial(TRIALS.default.samples)
    const noise = await measureNoise(trial, this.#tools)
    const raised = raiseActivations(this.#placed.placement, noise, reduction * aim, this.#choices.forms)
    if (raised === null) return null
    this.#choices = { ...this.#choices, forms: raised.forms }
    this.#placed = await placeStatic(this.#ready, this.#ask, this.#choices, this.#phases)
    await this.#know()
    this.#stage = await fittedStage(this.#graph, await this.#fit())
    return `16-bit activations for ${raised.changed.length} more products`
  }

  /** Facts of layers and ranges, for the report. */
  async layers(): Promise<LayerFacts[]> {
    const { parts } = await this.stage()
    const { model, placement } = this.#placed
    const { statistics } = this.#known
    const observerOf = calibratorsOf(this.#known, this.#choices.calibrators)
    const { hasData } = this.#record
    const running = hasData ? { samples: await this.#samples(), runtime: await this.#inputs.runtime() } : {}
    return this.#phases.time('layers', () =>
      staticLayerFacts({
        ...parts,
        placement,
        statistics,
        model,
        ...running,
        tools: this.#tools,
        observerOf,
      }),
    )
  }

  async close(): Promise<void> {
    await this.#opened?.close()
  }

  /** Another graph of the same function, where that rounds better. */
  async #chooseTransforms(): Promise<void> {
    const { transform = 'auto', effort = 'default', maxMemory } = this.#options
    const asked = transformAsk(transform) ?? transformsFor(effort, (this.#ready.lowBits?.size ?? 0) > 0)
    if (asked.candidates.every(({ transforms }) => transforms.size === 0)) return
    await this.#phases.time('equalize', async () => {
      const [samples, runtime] = [await this.#samples(), await this.#inputs.runtime()]
      const fresh = new Map<Model, Statistics>()
      const chosen = await chooseTransforms({
        form: { ready: this.#ready, placed: this.#placed, known: this.#known },
        asked,
        samples,
        runtime,
        sessions: await this.#sessions(),
        tools: this.#tools,
        place: (ready) => placeStatic(ready, this.#ask, NO_CHOICES, this.#phases),
        collect: async (model, values, some) => {
          const { statistics } = await collectStatistics({
            ...{ model, values, samples: some, runtime, tools: this.#tools },
            ...(maxMemory === undefined ? {} : { maxMemory }),
          })
          if (some === samples) fresh.set(model, statistics)
          return statistics
        },
        make: async (placed, known) =>
          (await makeStage({ ...this.#graph, placed, known, choices: NO_CHOICES })).parts.lowered,
      })
      this.#ready = chosen.ready
      this.#placed = chosen.placed
      this.#known = { ...chosen.known, notes: [...(chosen.known.notes ?? []), ...chosen.notes] }
      if (chosen.name === 'none') return
      this.#choices = { ...this.#choices, transform: chosen.name }
      this.#fresh = fresh.get(chosen.ready.model)
    })
  }

  /** Calibrators by trial, where none was asked for. */
  async #chooseRanges(): Promise<void> {
    const { samples, runs } = TRIALS[this.#options.effort ?? 'default']
    if (runs === 0 || this.#options.calibrator !== undefined) return
    await this.#phases.time('ranges', async () => {
      const first = await this.#make()
      const trial = await this.#trial(samples, first)
      const { placement } = this.#placed
      const most = runs * (await this.#samples()).count
      const choices = await chooseRanges(trial, placement, this.#known.statistics, most, this.#tools)
      const calibrators = new Map([...choices].map(([group, { calibrator }]) => [group, calibrator]))
      this.#choices = { ...this.#choices, calibrators }
    })
  }

  /** The first and the last layers in float, where that is cheap and takes much of the error away. */
  async #spareEnds(): Promise<void> {
    // A rule that gives them few bits has decided.
    if ((this.#ready.lowBits?.size ?? 0) > 0) return
    const { ends: samples } = TRIALS[this.#options.effort ?? 'default']
    const { model, placement } = this.#placed
    if (samples === 0 || endsOf(model, placement).length === 0) return
    const spared = await this.#phases.time('ends', async () => {
      const trial = await this.#trial(samples, await this.#make())
      return spareEnds(trial, model, placement, this.#tools)
    })
    if (spared.length === 0) return
    const float = spared.flatMap(({ labels }) => labels.map((label) => [label, 'float'] as const))
    this.#choices = { ...this.#choices, forms: new Map([...this.#choices.forms, ...float]) }
    this.#placed = await placeStatic(this.#ready, this.#ask, this.#choices, this.#phases)
    this.#known = { ...this.#known, notes: [...(this.#known.notes ?? []), ...spared.map(sparedNote)] }
    await this.#know()
  }

  async #trial(samples: number, stage?: StaticStage): Promise<Trial> {
    const { parts } = stage ?? (await this.stage())
    const { model } = this.#placed
    const [data, sessions] = [await this.#samples(), await this.#sessions()]
    return Trial.open({ model, ...parts }, data, samples, sessions, this.#tools)
  }

  /** Codes by what products do with the data, unless nearest ones were asked for. */
  async #fit(): Promise<Fit> {
    const { model, placement } = this.#placed
    const [samples, runtime] = [await this.#samples(), await this.#inputs.runtime()]
    return fitWeights({
      ...{ model, placement, samples, sessions: await this.#sessions(), runtime },
      ...{
        lowBits: this.#ready.lowBits,
        solver: this.#ask.solver,
        learned: this.#ask.learned === true,
        seed: this.#ask.seed,
        tools: this.#tools,
      },
      effort: this.#options.effort ?? 'default',
    })
  }

  /** Everything after calibration looks at the same few. */
  async #samples(): Promise<SampleSet> {
    this.#kept ??= keepSamples(await this.#inputs.samples())
    return this.#kept
  }

  /** Sessions of changed copies, none of them open. */
  async #sessions(): Promise<TapSessions> {
    this.#opened ??= new TapSessions(await this.#inputs.runtime(), this.#tools)
    await this.#opened.keepOnly(new Set())
    return this.#opened
  }

  #make(): Promise<StaticStage> {
    return makeStage(this.#graph)
  }

  get #graph(): StaticGraph {
    return {
      ...{ prepared: this.#prepared, ready: this.#ready, placed: this.#placed, known: this.#known },
      ...{
        choices: this.#choices,
        seen: this.#seen,
        fresh: this.#fresh,
        record: this.#record,
        ask: this.#ask,
        options: this.#options,
      },
      ...{ tools: this.#tools, phases: this.#phases },
    }
  }

  /** Statistics of values that only the present placement rounds. */
  async #know(): Promise<void> {
    const { statistics } = this.#known
    const values = this.#placed.values.filter((name) => !statistics.values.has(name) && !statistics.skipped.has(name))
    if (values.length === 0) return
    const [samples, runtime] = [await this.#samples(), await this.#inputs.runtime()]
    const more = await this.#phases.time('calibrate', () =>
      collectStatistics({
        model: this.#ready.model,
        values,
        samples,
        runtime,
        tools: this.#tools,
        ...countedFor(this.#options),
        ...(this.#options.maxMemory === undefined ? {} : { maxMemory: this.#options.maxMemory }),
      }),
    )
    this.#known = { ...this.#known, statistics: withFresh(statistics, more.statistics) }
    if (this.#choices.transform === undefined) this.#seen = withFresh(this.#seen, more.statistics)
    else this.#fresh = this.#fresh ? withFresh(this.#fresh, more.statistics) : more.statistics
  }
}
