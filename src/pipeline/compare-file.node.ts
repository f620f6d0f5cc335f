import { TersorError } from '../errors.ts'
import type { ComparedOutput, KindHints, MetricFacts, Thresholds } from '../evaluation/index.ts'
import { takeInventory } from '../graph/index.ts'
import type { CompareReport } from '../model/compare-report.ts'
import type { Model } from '../model/graph.ts'
import type { FileFact, SequenceFigures } from '../model/report.ts'
import type { Runtime } from '../model/runtime.ts'
import type { StageEvent, Tools } from '../model/tools.ts'
import type { BatchFigures, TruthFigures } from '../model/truth.ts'
import { findRuntime } from '../runtime/find.node.ts'
import { VERSION } from '../version.ts'
import { sharedOutputs } from './compare-interface.ts'
import { judgeThresholds } from './compare-thresholds.ts'
import { compareWeights, type Side, type WeightComparison } from './compare-weights.ts'
import { toFloat } from './dequantize.ts'
import { judgedCount } from './evidence.ts'
import { sha256Of } from './file-facts.node.ts'
import { type Judging, type JudgingOptions, judgingOf } from './judging.node.ts'
import { load } from './load.ts'
import { type OpenedModel, openModel } from './open-model.node.ts'
import { Phases } from './phases.ts'
import { batchAgainst, compareWith } from './prove.ts'
import { plainOptions, toolsOf } from './quantize-file.node.ts'
import { type ComparedStates, compareStates, orderNote, sequenceFigures } from './states-compared.ts'
import { readSmall } from './tensor-bytes.ts'
import { vocabularyOf } from './token-tables.ts'
import { batchNote } from './truth/batch.ts'
import { type FloatRunAsk, floatRunOf, type RanFloat } from './truth/float-run.node.ts'
import { truthWatcher } from './truth/watcher.ts'

export interface CompareOptions extends FloatRunAsk, JudgingOptions, Thresholds {
  readonly hashes?: boolean
  readonly onEvent?: (event: StageEvent) => void
  readonly signal?: AbortSignal
}

/**
 * The same inputs through two forms of one model, and their weights side by side. A is the reference. Only thresholds that are
 * given are judged. E_USAGE when the two do not have the same inputs and outputs, E_RUNTIME when onnxruntime is missing or runs
 * one of them not.
 */
export async function compare(a: string, b: string, options: CompareOptions = {}): Promise<CompareReport> {
  const judging = await judgingOf(options)
  checkMetric(judging, options)
  const tools = await toolsOf(options)
  const phases = new Phases(tools.notify)
  const opened: OpenedModel[] = []
  try {
    for (const path of [a, b]) opened.push(await openModel(path))
    const [first, second] = opened as [OpenedModel, OpenedModel]
    const loadedA = await phases.time('load', () => load(first.source, first.openExternal, tools.signal))
    const loadedB = await phases.time('load', () => load(second.source, second.openExternal, tools.signal))
    const outputs = sharedOutputs(loadedA.model, loadedB.model, ['A', 'B'])
    const sideA = await phases.time('lift', () => sideOf(loadedA.model))
    const sideB = await phases.time('lift', () => sideOf(loadedB.model))
    const ran = await phases.time('run', () =>
      runBoth(first, second, loadedA.model, sideA, outputs, { ...options, ...judging }, tools),
    )
    const weights = await phases.time('weights', () => compareWeights(sideA, sideB, tools))
    const suggestion = suggestionFor(a, weights)
    return {
      tersor: VERSION,
      schema: 1,
      command: 'compare',
      a: await factOf(first, loadedA.model, options),
      b: await factOf(second, loadedB.model, options),
      options: plainOptions(options),
      data: ran.data,
      samples: ran.samples,
      outputs: ran.fused,
      unfused: { outputs: ran.unfused },
      ...(ran.sequence === undefined ? {} : { sequence: ran.sequence }),
      ...ran.truth,
      weights: weights.differences,
      thresholds: judgeThresholds(options, [...ran.fused, ...(ran.own ?? [])], {
        ...judging,
        ...(ran.metric ? { metric: ran.metric } : {}),
      }),
      ...(ran.metric ? { metric: { name: ran.metric.name, a: ran.metric.float, b: ran.metric.quantized } } : {}),
      filled: ran.filled,
      runtime: ran.runtime,
      phases: phases.list,
      peakBytes: process.resourceUsage().maxRSS * 1024,
      warnings: [...loadedA.warnings, ...loadedB.warnings, ...ran.notes, ...notesOf(sideA, sideB, weights)],
      ...(suggestion === undefined ? {} : { suggestion }),
    }
  } catch (thrown) {
    if (tools.signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user', { cause: thrown })
    throw thrown
  } finally {
    for (const { source } of opened) await source.close?.()
  }
}

/** All figures are shown and only given thresholds are judged, so that a metric needs something to be about. */
function checkMetric({ by, meter }: Judging, { maxLoss }: Thresholds): void {
  if (by === undefined || meter !== undefined || maxLoss !== undefined) return
  throw new TersorError(
    'E_USAGE',
    `the metric ${by} changes nothing here: all figures are shown, thresholds judge them`,
    {
      hint: 'leave it out; --labels or a metric module (.mjs) measure the task',
    },
  )
}

async function sideOf(model: Model): Promise<Side> {
  const lifted = await toFloat(model)
  return { lifted, inventory: await takeInventory(lifted.model, readSmall) }
}

async function factOf(opened: OpenedModel, model: Model, options: CompareOptions): Promise<FileFact> {
  const hashed = options.hashes === true && opened.path !== undefined
  return {
    path: opened.path ?? opened.source.label,
    bytes: model.byteLength,
    ...(hashed ? { sha256: await sha256Of(opened.path as string) } : {}),
  }
}

interface Ran {
  readonly data: 'given' | 'synthetic'
  readonly samples: number
  readonly fused: readonly ComparedOutput[]
  readonly unfused: readonly ComparedOutput[]
  readonly sequence?: SequenceFigures
  /** Outputs of B on states of its own, where the data give states. */
  readonly own?: readonly ComparedOutput[]
  readonly metric?: MetricFacts
  readonly truth: TruthFigures
  readonly filled: readonly string[]
  readonly notes: readonly string[]
  readonly runtime: NonNullable<CompareReport['runtime']>
}

/** A once, as users run it; B as users run it and with optimizations off. */
async function runBoth(
  a: OpenedModel,
  b: OpenedModel,
  model: Model,
  side: Side,
  outputs: readonly string[],
  options: CompareOptions & Judging,
  tools: Tools,
): Promise<Ran> {
  if (a.path === undefined || b.path === undefined) {
    throw new TersorError('E_UNSUPPORTED', 'models at addresses are not run', { hint: 'download both files first' })
  }
  const runtime = await runtimeOrFail()
  let ran: RanFloat | undefined
  try {
    const signal = tools.signal ? { signal: tools.signal } : {}
    const open = (path: string, optimized: boolean) => runtime.open({ path }, { optimized, threads: 1 })
    const lifted = { file: model, model: side.lifted.model, inventory: side.inventory }
    const asked = { ...options, modelPath: a.path, ...signal }
    ran = await floatRunOf(() => open(a.path as string, true), runtime, lifted, asked, tools)
    const { run, notes } = ran
    const declared = new Map(model.graph.outputs.flatMap(({ name, shape }) => (shape ? [[name, shape] as const] : [])))
    const vocabulary = vocabularyOf(side.inventory, side.lifted.model.graph)
    const hints: KindHints = { declared, ...(vocabulary === undefined ? {} : { vocabulary }) }
    const meter = options.meter?.(run.evidence.found, hints)
    const truth = truthWatcher(run.evidence, hints)
    const watching = meter === undefined ? [truth] : [meter, truth]
    let batch: BatchFigures | undefined
    let states: ComparedStates | undefined
    const measured = async (optimized: boolean): Promise<readonly ComparedOutput[]> => {
      const session = await open(b.path as string, optimized)
      const note = optimized ? 'fused' : 'unfused'
      try {
        const found = await compareWith(session, run, hints, note, tools, optimized ? watching : [])
        if (optimized) {
          batch = await batchAgainst(session, run, hints, tools)
          states = await compareStates(session, run, hints, tools)
        }
        return found.filter(({ name }) => outputs.includes(name))
      } finally {
        await session.release()
      }
    }
    const fused = await measured(true)
    const metric = meter?.facts()
    const said = batch && batchNote(batch)
    return {
      data: run.evidence.data,
      samples: judgedCount(run.evidence),
      fused,
      ...(states === undefined
        ? {}
        : {
            sequence: sequenceFigures(states, fused),
            own: states.whose === 'own' ? states.outputs.filter(({ carried }) => carried !== true) : [],
          }),
      unfused: await measured(false),
      ...(metric === undefined ? {} : { metric }),
      truth: { ...truth.figures(), ...(batch === undefined ? {} : { batch }) },
      filled: run.evidence.filled,
      notes: [...notes, ...(meter?.notes() ?? []), ...[said, orderNote(run)].filter((note) => note !== undefined)],
      runtime: { name: runtime.name, version: runtime.version, threads: 1, cpu: runtime.cpu },
    }
  } finally {
    await runtime.close()
    ran?.close()
  }
}

async function runtimeOrFail(): Promise<Runtime> {
  const passed: string[] = []
  const runtime = await findRuntime({
    passedOver: (name, why) => passed.push(`${name} was passed over: ${why.message}`),
  })
  if (runtime !== undefined) return runtime
  throw new TersorError('E_RUNTIME', ['comparing needs onnxruntime, and none was found', ...passed].join('; '), {
    hint: 'npm install onnxruntime-node',
  })
}

/** Keeps the weight that differs most; nothing to try where no weight differs. */
function suggestionFor(a: string, { differences }: WeightComparison): string | undefined {
  const worst = differences.find(({ sqnrDb }) => sqnrDb !== undefined)
  return worst && `tersor quantize ${quote(a)} --rule ${quote(`${worst.tensor}=keep`)}`
}

function notesOf(a: Side, b: Side, { unmatched }: WeightComparison): readonly string[] {
  const notes: string[] = []
  if (unmatched.length > 0) {
    const rest = unmatched.length > 3 ? ' and more' : ''
    notes.push(
      `${unmatched.length === 1 ? '1 weight of A has' : `${unmatched.length} weights of A have`} no namesake of this shape in B: ${unmatched.slice(0, 3).join(', ')}${rest}`,
    )
  }
  const kept = a.lifted.kept.length + b.lifted.kept.length
  if (kept > 0) notes.push(`${kept} quantized nodes could not be turned back, so their weights are not compared`)
  return notes
}

function quote(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
