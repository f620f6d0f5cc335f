import { cacheOutputs } from '../calibration/states.ts'
import { TersorError } from '../errors.ts'
import {
  type ComparedOutput,
  comparison,
  type KindHints,
  type MetricMeter,
  type Thresholds,
  type VerdictFacts,
  verdictOf,
} from '../evaluation/index.ts'
import type { Model } from '../model/graph.ts'
import type { Inventory } from '../model/inventory.ts'
import type { Verdict } from '../model/report.ts'
import type { Feeds, Runtime, RuntimeSession, Sample } from '../model/runtime.ts'
import type { Tools } from '../model/tools.ts'
import type { BatchFigures } from '../model/truth.ts'
import { stateCarrier } from './carried-states.ts'
import { type Evidence, type FloatRun, hintsFor, isSkipped, judgedCount, outputNames } from './evidence.ts'
import type { Gallery } from './gallery/gallery.ts'
import { matchingSample } from './half/matching-feeds.ts'
import type { Decided } from './run.ts'
import { orderWatch } from './sample-order.ts'
import type { Saved } from './save.ts'
import { shareOutputs } from './share-outputs.ts'
import { type ComparedStates, compareStates, orderNote, runOwn, sequenceFigures } from './states-compared.ts'
import { vocabularyOf } from './token-tables.ts'
import { type BatchFacts, batchFacts, batchFigures, batchNote } from './truth/batch.ts'
import { truthWatcher } from './truth/watcher.ts'

export type ModelRef = { readonly path: string } | { readonly bytes: Uint8Array }

/** Runs the float model once over the evidence. */
export async function runFloat(
  session: RuntimeSession,
  evidence: Evidence,
  tools: Tools,
  { hints = {}, keep }: FloatRunOptions = {},
): Promise<FloatRun> {
  const results: Feeds[] = []
  const kept = keep ?? (async (answer: Feeds) => answer)
  const states = stateCarrier(evidence.states)
  const watch = orderWatch(evidence.given ?? [])
  for (const [index, sample] of evidence.samples.entries()) {
    tools.notify({ phase: 'verify', done: index, total: evidence.samples.length, note: 'float' })
    const answer = await session.run(states.feeds(sample), tools.signal)
    states.after(answer)
    watch.see(sample, answer)
    results.push(await kept(isSkipped(evidence, index) ? {} : answer))
  }
  tools.notify({ phase: 'verify', done: results.length, total: results.length, note: 'float' })
  const order = evidence.data === 'synthetic' ? watch.madeUp() : watch.order()
  const own = order?.apart === true ? await runOwn(session, evidence, order, tools, kept) : undefined
  const batch = await batchOfEvidence(session, evidence, hints, tools)
  return {
    evidence,
    results,
    ...(order === undefined ? {} : { order }),
    ...(own === undefined ? {} : { own }),
    ...(batch === undefined ? {} : { batch }),
  }
}

export interface FloatRunOptions {
  readonly hints?: KindHints
  /** Where answers go that are not to be held: gives what stands for them. */
  readonly keep?: (answer: Feeds) => Promise<Feeds>
}

/** Only for texts that somebody gave, and models that are not in the middle of a sequence. */
export async function batchOfEvidence(
  session: RuntimeSession,
  { data, samples, states }: Evidence,
  hints: KindHints,
  tools: Tools,
): Promise<BatchFacts | undefined> {
  return data === 'given' && states === undefined ? batchFacts(session, samples, hints, tools.signal) : undefined
}

/** Sees the same answers as the comparison. */
export interface Watcher {
  add(sample: Sample, float: Feeds, quantized: Feeds): Promise<void> | void
}

/** One arithmetic of the candidate against float. */
export async function compareWith(
  session: RuntimeSession,
  float: FloatRun,
  hints: KindHints,
  note: string,
  tools: Tools,
  also: readonly Watcher[] = [],
): Promise<readonly ComparedOutput[]> {
  const names = outputNames(float).filter((name) => session.outputs.includes(name))
  const { evidence } = float
  const collected = comparison(names, hintsFor(evidence, hints))
  const states = stateCarrier(evidence.states)
  for (const [index, sample] of float.evidence.samples.entries()) {
    tools.notify({ phase: 'verify', done: index, total: float.evidence.samples.length, note })
    if (isSkipped(evidence, index)) continue
    const reference = float.results[index] as Feeds
    const answer = await session.run(states.feeds(matchingSample(session, sample)), tools.signal)
    states.after(answer)
    if (evidence.unjudged?.has(index) === true) continue
    collected.add(reference, answer, sample.label)
    for (const one of also) await one.add(sample, reference, answer)
  }
  const { length } = float.evidence.samples
  tools.notify({ phase: 'verify', done: length, total: length, note })
  return collected.figures()
}

export interface Candidate {
  readonly fused: ModelRef
  readonly reference?: ModelRef
}

export interface Judgement {
  readonly thresholds: Thresholds
  readonly decided: Decided
  readonly saved: Saved
  /** Default thresholds are those of so many bits; default the fewest of the result. */
  readonly bits?: number
  /** What decides where no threshold is given. */
  readonly by?: NonNullable<VerdictFacts['by']>
  /** A metric of the task, made anew for every candidate. */
  readonly meter?: (found: number, hints: KindHints) => MetricMeter
  /** Samples for people to look at, made anew for every candidate. */
  readonly gallery?: (found: number, hints: KindHints) => Gallery
  /** Why the reference arithmetic was left out, if it was. */
  readonly onNote: (text: string) => void
}

/** All three arithmetics of a candidate against the float run, and the verdict. */
export async function judge(
  runtime: Runtime,
  candidate: Candidate,
  float: FloatRun,
  judgement: Judgement,
  tools: Tools,
): Promise<Verdict> {
  const { decided } = judgement
  const hints = hintsOf(decided.input, decided.inventory)
  const measured = async (
    model: ModelRef,
    optimized: boolean,
    note: string,
    also: readonly Watcher[] = [],
    after?: (session: RuntimeSession) => Promise<void>,
  ): Promise<readonly ComparedOutput[]> => {
    const session = await runtime.open(model, { optimized, threads: 1 })
    try {
      const found = await compareWith(session, float, hints, note, tools, also)
      await after?.(session)
      return found
    } finally {
      await session.release()
    }
  }
  const facts = {
    data: float.evidence.data,
    samples: judgedCount(float.evidence),
    bits: judgement.bits ?? fewestBits(decided),
    thresholds: judgement.thresholds,
    ...(judgement.by === undefined ? {} : { by: judgement.by }),
    worst: worstTensors(decided, judgement.saved),
    filled: float.evidence.filled,
  }
  const meter = judgement.meter?.(float.evidence.found, hints)
  const gallery = judgement.gallery?.(float.evidence.found, hintsFor(float.evidence, hints))
  const truth = truthWatcher(float.evidence, hints)
  let batch: BatchFigures | undefined
  let states: ComparedStates | undefined
  let fused: readonly ComparedOutput[]
  try {
    // As users run it: the arithmetic that a metric of the task speaks about.
    fused = await measured(
      candidate.fused,
      true,
      'fused',
      [meter, gallery, truth].filter((one) => one !== undefined),
      async (session) => {
        batch = await batchAgainst(session, float, hints, tools)
        states = await compareStates(session, float, hints, tools)
      },
    )
  } catch (thrown) {
    if (tools.signal?.aborted || !(thrown instanceof TersorError) || thrown.code !== 'E_RUNTIME') throw thrown
    return {
      status: 'refused',
      data: facts.data,
      samples: 0,
      because: `onnxruntime does not run the result: ${thrown.message}`,
      outputs: [],
      worst: facts.worst,
      filled: facts.filled,
    }
  }
  const metric = meter?.facts()
  const unfusing = measured(candidate.fused, false, 'unfused')
  // One after the other where that is all the same: two sessions take memory.
  if (runtime.parallel !== true) await unfusing
  const emulating = (async () => {
    try {
      return await (candidate.reference && measured(candidate.reference, false, 'reference'))
    } catch (thrown) {
      if (tools.signal?.aborted || !(thrown instanceof TersorError) || thrown.code !== 'E_RUNTIME') throw thrown
      judgement.onNote(`the float emulation could not be run: ${thrown.message}`)
      return undefined
    }
  })()
  const [unfused, reference] = await bothOf(unfusing, emulating)
  for (const note of meter?.notes() ?? []) judgement.onNote(note)
  const shown = gallery?.shown() ?? []
  const verdict = verdictOf({
    ...facts,
    fused,
    unfused,
    ...(states?.whose === 'own' ? { ownStates: states.outputs } : {}),
    ...(reference ? { reference } : {}),
    ...(meter && metric ? { metric, examples: meter.examples() } : {}),
  })
  for (const note of [batch && batchNote(batch), orderNote(float)]) if (note !== undefined) judgement.onNote(note)
  return {
    ...verdict,
    ...truth.figures(),
    ...(batch === undefined ? {} : { batch }),
    ...(states === undefined ? {} : { sequence: sequenceFigures(states, fused) }),
    ...(shown.length === 0 ? {} : { shown }),
  }
}

/** Of two that are under way: neither is left behind where the other fails. */
async function bothOf<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second])
  return [await first, await second]
}

/** The same texts alone and in a batch, through the candidate too. */
export async function batchAgainst(
  session: RuntimeSession,
  { batch, evidence }: FloatRun,
  hints: KindHints,
  tools: Tools,
): Promise<BatchFigures | undefined> {
  if (batch === undefined) return undefined
  const quantized = await batchOfEvidence(session, evidence, hints, tools)
  return quantized && batchFigures(batch, quantized)
}

/** What the model itself tells of its outputs. */
export function hintsOf({ graph }: Model, inventory: Inventory): KindHints {
  const vocabulary = vocabularyOf(inventory, graph)
  // What a token gives to those behind it shows in their scores.
  const caches = cacheOutputs(graph.inputs, graph.outputs)
  return {
    declared: new Map(graph.outputs.flatMap(({ name, shape }) => (shape ? [[name, shape] as const] : []))),
    ...(vocabulary === undefined ? {} : { vocabulary }),
    shares: shareOutputs(graph),
    ...(caches.length === 0 ? {} : { carried: new Set(caches) }),
  }
}

/** Fewest bits a weight has in the result; 16 when only half precision is in it, 32 when nothing changed. */
export function fewestBits(decided: Decided): number {
  let fewest = 32
  for (const { spec } of decided.plan.work) fewest = Math.min(fewest, spec.family === 'half' ? 16 : spec.bits)
  // Codes that were placed before the plan was made.
  const given = new Set(decided.input.graph?.initializers.map(({ name }) => name))
  for (const { name, dtype } of decided.model.graph?.initializers ?? []) {
    if (!given.has(name) && (dtype === 'i4' || dtype === 'i2')) fewest = Math.min(fewest, 4)
  }
  return fewest
}

/** Tensors by their share of all squared weight error, relative to their own energy; worst first. */
export function worstTensors(decided: Decided, saved: Saved, count = 3): readonly string[] {
  return decided.weights
    .map(({ work }, i) => ({ name: work.weight.name, error: relative(saved.errors[i]) }))
    .filter(({ error }) => error > 0)
    .sort((a, b) => b.error - a.error || (a.name < b.name ? -1 : 1))
    .slice(0, count)
    .map(({ name }) => name)
}

function relative(error: { readonly squaredError: number; readonly energy: number } | undefined): number {
  return error && error.energy > 0 ? error.squaredError / error.energy : 0
}
