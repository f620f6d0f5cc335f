import type { SampleSet } from '../../calibration/index.ts'
import { asTersorError } from '../../errors.ts'
import { takeInventory } from '../../graph/index.ts'
import { placeActivations } from '../../graph/placement/index.ts'
import { narrowIntegers } from '../../graph/rewrites/narrow-integers.ts'
import type { LayerFacts } from '../../model/layer-facts.ts'
import type { Verdict } from '../../model/report.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import { preparedBodies } from '../changed-bodies.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Phases } from '../phases.ts'
import type { Prepared } from '../run.ts'
import { TapSessions } from '../tap-sessions.node.ts'
import { readSmall } from '../tensor-bytes.ts'
import { integerShare, shareNotes } from './integer-share.ts'
import { inQOperators } from './qoperator-form.ts'
import { type BodyRun, StaticBodies } from './static-bodies.ts'
import { runtimeFor, samplesFor } from './static-inputs.node.ts'
import { readyStatic, type StaticReady, type StaticStage } from './static-model.ts'
import { type StaticOptions, StaticRun } from './static-run.node.ts'

/** Static quantization of a model with its bodies: the main graph in one run, every body in one of its own. */
export class StaticWhole {
  readonly #prepared: Prepared
  readonly #ready: StaticReady
  readonly #main: BodyRun | null
  readonly #bodies: StaticBodies
  readonly #runtime: Runtime
  readonly #ask: Ask
  readonly #phases: Phases
  readonly #samples: SampleSet
  readonly #tools: Tools

  /** E_PLAN where nothing can run in integers, in no body either; E_RUNTIME without an onnxruntime to run the model on. */
  static async open(
    prepared: Prepared,
    opened: OpenedModel,
    ask: Ask,
    options: StaticOptions,
    tools: Tools,
    phases: Phases,
  ): Promise<StaticWhole> {
    const given = await readyStatic(prepared, ask, phases)
    const found = await preparedBodies(given.model)
    const ready = { ...given, model: found.model, bodiesApart: true }
    const runtime = await runtimeFor(opened, options.threads)
    let bodies: StaticBodies | undefined
    try {
      const samples = await samplesFor(ready.model, prepared, opened, runtime, options)
      const open = (...[own, form, set]: [Prepared, StaticReady, typeof samples]): Promise<StaticRun> =>
        StaticRun.over(own, form, set, runtime, ask, options, tools, phases)
      bodies = await StaticBodies.open(found, {
        prepared,
        keep: ready.keep,
        samples,
        data: `${samples.count} ${options.calib === undefined ? 'synthetic inputs' : 'samples'}`,
        ask,
        tools,
        phases,
        ...(options.maxMemory === undefined ? {} : { maxMemory: options.maxMemory }),
        newSessions: () => new TapSessions(runtime, tools),
        open,
      })
      const main = await open(prepared, ready, samples).catch((thrown: unknown) => {
        if (asTersorError(thrown).code !== 'E_PLAN' || bodies?.isEmpty !== false) throw thrown
        return null
      })
      return new StaticWhole(prepared, ready, main, bodies, runtime, ask, phases, samples, tools)
    } catch (thrown) {
      await bodies?.close()
      await runtime.close()
      throw thrown
    }
  }

  private constructor(
    prepared: Prepared,
    ready: StaticReady,
    main: BodyRun | null,
    bodies: StaticBodies,
    runtime: Runtime,
    ask: Ask,
    phases: Phases,
    samples: SampleSet,
    tools: Tools,
  ) {
    this.#prepared = prepared
    this.#ready = ready
    this.#main = main
    this.#bodies = bodies
    this.#runtime = runtime
    this.#ask = ask
    this.#phases = phases
    this.#samples = samples
    this.#tools = tools
  }

  /** The model with its pairs, by what is chosen so far. */
  async stage(): Promise<StaticStage> {
    const main = (await this.#main?.stage()) ?? (await this.#floatMain())
    const whole = await this.#bodies.into(main)
    const { model, bytesSaved } = await narrowIntegers(whole.prepared.model, readSmall)
    const saved = bytesSaved > 0 ? [`tables of integers take ${bytesSaved} bytes less in narrower types`] : []
    const prepared = { ...whole.prepared, model, inventory: await takeInventory(model, readSmall) }
    const stage = { ...whole, prepared, notes: [...whole.notes, ...(await this.#shareNotes(main)), ...saved] }
    return this.#ask.qoperators ? inQOperators(stage, this.#phases) : stage
  }

  /** More precision where the noise is made, after a refusal; what was done in words, or null when there is nothing to be done. */
  async raise(verdict: Verdict): Promise<string | null> {
    const done = [await this.#main?.raise(verdict), await this.#bodies.raise(verdict)].filter((text) => text != null)
    return done.length === 0 ? null : done.join(', ')
  }

  /** Facts of layers and ranges of the main graph, for the report. */
  async layers(): Promise<readonly LayerFacts[]> {
    return this.#main instanceof StaticRun ? this.#main.layers() : []
  }

  async close(): Promise<void> {
    await this.#main?.close()
    await this.#bodies.close()
    await this.#runtime.close()
  }

  async #shareNotes({ parts }: StaticStage): Promise<readonly string[]> {
    const bodies = await this.#bodies.shareParts()
    const sessions = new TapSessions(this.#runtime, this.#tools)
    try {
      const all = [{ path: [], placement: parts.placement }, ...bodies]
      return shareNotes(await integerShare(this.#ready.model, all, this.#samples, sessions, this.#tools))
    } finally {
      await sessions.close()
    }
  }

  /** A main graph without anything to run in integers. */
  async #floatMain(): Promise<StaticStage> {
    const { model, keep, notes } = this.#ready
    const placement = await placeActivations(model, this.#ask.target, { readSmall, keep })
    const constants = { weights: new Map(), biases: new Map(), plainBiases: new Map(), figures: new Map() }
    return {
      prepared: { ...this.#prepared, model },
      parts: { placement, grids: new Map(), constants, lowBits: new Map(), lowered: model },
      decisions: [],
      points: [],
      notes,
    }
  }
}

/** Made-up numbers are of no task: real ones may lie far outside of what they reach, and are cut off there. */
function syntheticNote(count: number): string {
  return `ranges of activations come from ${count} synthetic inputs, and what real data have beyond them is cut off: give --calib before you use this file`
}
