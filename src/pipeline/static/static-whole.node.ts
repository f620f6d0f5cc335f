import { fileSink } from '../../bytes/file-sink.node.ts'
import { writeOrtCache } from '../../calibration/ort-cache.ts'
import { sampleDigest } from '../../calibration/sample-digest.ts'
import { asTersorError } from '../../errors.ts'
import type { LayerFacts } from '../../model/layer-facts.ts'
import type { Verdict } from '../../model/report.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import { preparedBodies } from '../changed-bodies.ts'
import type { GraphRecord } from '../graph-record.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Phases } from '../phases.ts'
import type { Prepared } from '../run.ts'
import { requireProspect } from '../static-prospect.ts'
import { choicesKey } from '../statistics-choices.ts'
import type { StatisticsRecord } from '../statistics-record.ts'
import { ncnnTableOf } from '../statistics-tables.ts'
import { TapSessions } from '../tap-sessions.node.ts'
import { inputScaleNotes } from './input-scale.ts'
import { type IntegerShare, integerShare, plainShare, type SharePart } from './integer-share.ts'
import { type BodyInputs, type BodyRun, StaticBodies } from './static-bodies.ts'
import { type RunInputs, StaticInputs } from './static-inputs.node.ts'
import { readyStatic, type StaticReady, type StaticStage } from './static-model.ts'
import { openRecord } from './static-record.node.ts'
import { type StaticOptions, StaticRun } from './static-run.node.ts'
import { wholeStage } from './whole-stage.ts'

/** Static quantization of a model with its bodies: the main graph in one run, every body in one of its own. */
export class StaticWhole {
  readonly #prepared: Prepared
  readonly #ready: StaticReady
  readonly #main: BodyRun | null
  readonly #bodies: StaticBodies
  readonly #inputs: StaticInputs
  readonly #record: StatisticsRecord
  readonly #notes: readonly string[]
  readonly #ask: Ask
  readonly #phases: Phases
  readonly #tools: Tools
  readonly #options: StaticOptions

  /**
   * `runtime`: one that was started before, and stays its caller's; else one is started where it is needed. E_PLAN where nothing can run in
   * integers, in no body either; E_RUNTIME without an onnxruntime to run the model on.
   */
  static async open(
    prepared: Prepared,
    opened: OpenedModel,
    ask: Ask,
    options: StaticOptions,
    tools: Tools,
    phases: Phases,
    runtime?: Promise<Runtime | undefined>,
  ): Promise<StaticWhole> {
    const prospects = requireProspect(prepared.model, prepared.inventory, tools)
    const given = await readyStatic(prepared, ask, phases)
    const found = await preparedBodies(given.model)
    const ready = { ...given, model: found.model, bodiesApart: true }
    const inputs = new StaticInputs(ready.model, prepared, opened, options, runtime)
    // They will be needed, and are opened in another thread meanwhile.
    if (options.statistics === undefined) inputs.samples().catch(() => undefined)
    let bodies: StaticBodies | undefined
    try {
      const { record, notes } = await openRecord(ready.model, choicesKey(ask, options), inputs, options, tools)
      const open = (...[own, form, graph, known]: [Prepared, StaticReady, BodyInputs, GraphRecord]) => {
        const all: RunInputs = {
          samples: () => graph.samples(),
          added: () => graph.added(),
          runtime: () => inputs.runtime(),
        }
        return StaticRun.over(own, form, all, known, ask, options, tools, phases)
      }
      bodies = await StaticBodies.open(found, {
        prepared,
        keep: ready.keep,
        forms: ready.forms ?? new Map(),
        inputs,
        record,
        synthetic: options.calib === undefined,
        ask,
        tools,
        phases,
        ...(options.maxMemory === undefined ? {} : { maxMemory: options.maxMemory }),
        newSessions: async () => new TapSessions(await inputs.runtime(), tools),
        open,
      })
      const main = await open(prepared, ready, inputs, record.main).catch((thrown: unknown) => {
        if (asTersorError(thrown).code !== 'E_PLAN' || bodies?.isEmpty !== false) throw thrown
        return null
      })
      const isSeen = main !== null || options.statistics === undefined || record.use === 'use'
      await record.finish(isSeen ? undefined : await seenIn(inputs))
      const { synthetic, labels } = record.main.statistics ?? {}
      const seen = record.main.statistics
      const all = [
        ...prospects,
        ...notes,
        ...(synthetic ? [syntheticNote(labels?.length ?? 0)] : []),
        ...(seen && !synthetic ? await inputScaleNotes(ready.model, seen, tools.kernels) : []),
      ]
      return new StaticWhole(prepared, ready, main, bodies, inputs, record, all, ask, phases, tools, options)
    } catch (thrown) {
      await bodies?.close()
      await inputs.close()
      throw thrown
    }
  }

  private constructor(
    prepared: Prepared,
    ready: StaticReady,
    main: BodyRun | null,
    bodies: StaticBodies,
    inputs: StaticInputs,
    record: StatisticsRecord,
    notes: readonly string[],
    ask: Ask,
    phases: Phases,
    tools: Tools,
    options: StaticOptions,
  ) {
    this.#prepared = prepared
    this.#ready = ready
    this.#main = main
    this.#bodies = bodies
    this.#inputs = inputs
    this.#record = record
    this.#notes = notes
    this.#ask = ask
    this.#phases = phases
    this.#tools = tools
    this.#options = options
  }

  /** The model with its pairs, by what is chosen so far. */
  async stage(): Promise<StaticStage> {
    const main = (await this.#main?.stage()) ?? null
    const whole = await wholeStage(main, this.#bodies, this.#prepared, this.#ready, this.#ask, this.#phases, (parts) =>
      this.#share(parts),
    )
    return { ...whole, notes: [...this.#notes, ...whole.notes] }
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

  /** SHA-256 of what a statistics file of this run holds. */
  statisticsHash(): Promise<string> {
    return this.#record.sha256()
  }

  /** What was seen of the main graph, for another tool: `.table` for ncnn2int8, else JSON for onnxruntime's Python tools. */
  async writeTable(path: string, force: boolean): Promise<void> {
    const statistics = this.#record.statistics()
    const { calibrator } = this.#options
    const text = path.endsWith('.table')
      ? await ncnnTableOf(this.#ready.model, statistics, this.#tools.kernels, calibrator ? { calibrator } : {})
      : writeOrtCache(statistics, calibrator)
    const sink = fileSink(path, { force })
    try {
      await sink.write(new TextEncoder().encode(text))
      await sink.commit()
    } catch (thrown) {
      await sink.abort()
      throw thrown
    }
  }

  /** SHA-256 of each sample that ranges come from. */
  get digests(): readonly string[] {
    return this.#record.statistics().digests ?? []
  }

  /** What runs in integers; bodies and open shapes are only counted where there are data to run. */
  async #share(parts: readonly [SharePart, ...SharePart[]]): Promise<IntegerShare | null> {
    if (!this.#record.hasData) return parts.length === 1 ? plainShare(parts[0]) : null
    const sessions = new TapSessions(await this.#inputs.runtime(), this.#tools)
    try {
      return await integerShare(this.#ready.model, parts, await this.#inputs.samples(), sessions, this.#tools)
    } finally {
      await sessions.close()
    }
  }

  async close(): Promise<void> {
    await this.#main?.close()
    await this.#bodies.close()
    await this.#inputs.close()
  }
}

/** What a main graph without anything to remember was run on. */
async function seenIn(inputs: StaticInputs): Promise<{ readonly labels: string[]; readonly digests: string[] }> {
  const samples = await inputs.added()
  const seen = { labels: [] as string[], digests: [] as string[] }
  for (let index = 0; index < samples.count; index++) {
    const { label, feeds } = await samples.at(index)
    seen.labels.push(label)
    seen.digests.push(await sampleDigest(feeds))
  }
  return seen
}

/** Made-up numbers are of no task: real ones may lie far outside of what they reach, and are cut off there. */
function syntheticNote(count: number): string {
  return `ranges of activations come from ${count} synthetic inputs, and what real data have beyond them is cut off: give --calib before you use this file`
}
