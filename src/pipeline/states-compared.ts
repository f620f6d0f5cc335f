import type { StatePair } from '../calibration/states.ts'
import { type ComparedOutput, comparison, type KindHints } from '../evaluation/index.ts'
import type { SequenceFigures } from '../model/report.ts'
import type { Feeds, RuntimeSession, Sample } from '../model/runtime.ts'
import type { Tools } from '../model/tools.ts'
import { type StateCarrier, stateCarrier } from './carried-states.ts'
import { type Evidence, type FloatRun, hintsFor, outputNames } from './evidence.ts'
import { matchingSample } from './half/matching-feeds.ts'
import type { SampleOrder } from './sample-order.ts'

/** The second look at a sequence. The first is the plain comparison. */
export interface ComparedStates {
  readonly states: readonly StatePair[]
  /** Samples that went on from the one before. */
  readonly steps: number
  /** Whose states the candidate was fed here; the plain comparison had the other. */
  readonly whose: 'own' | 'float'
  readonly outputs: readonly ComparedOutput[]
}

/**
 * The candidate along the sequence once more: on states of its own where the data give states, on those of float where each model had its
 * own already. Undefined where samples stand for themselves.
 */
export async function compareStates(
  session: RuntimeSession,
  float: FloatRun,
  hints: KindHints,
  tools: Tools,
): Promise<ComparedStates | undefined> {
  const { evidence, order } = float
  if (order !== undefined) {
    const carrier = ownStates(evidence, order)
    const states = [...(evidence.states ?? []), ...order.states]
    const answers = float.own ?? float.results
    const step = async (sample: Sample, index: number): Promise<Feeds> => {
      if (order.starts.has(index)) carrier.restart()
      // What a model of other precision gave fits it already.
      const answer = await session.run(carrier.feeds(matchingSample(session, sample)), tools.signal)
      carrier.after(answer)
      return answer
    }
    const outputs = await along(session, float, { answers, states, step, note: 'own states' }, hints, tools)
    return { states, steps: order.steps, whose: 'own', outputs }
  }
  const { states, samples, unjudged } = evidence
  if (states === undefined) return undefined
  const steps = samples.filter((sample, index) => index > 0 && goesOn(states, sample, float.results[index - 1]!)).length
  if (steps === 0) return undefined
  const carrier = stateCarrier(states)
  const step = async (sample: Sample, index: number): Promise<Feeds | undefined> => {
    const feeds = carrier.feeds(sample)
    carrier.after(float.results[index] as Feeds)
    if (unjudged?.has(index) === true) return undefined
    return session.run(matchingSample(session, { ...sample, feeds }).feeds, tools.signal)
  }
  const outputs = await along(
    session,
    float,
    { answers: float.results, states, step, note: 'same states' },
    hints,
    tools,
  )
  return { states, steps, whose: 'float', outputs }
}

/** Float along the samples on states of its own. */
export async function runOwn(
  session: RuntimeSession,
  evidence: Evidence,
  order: SampleOrder,
  tools: Tools,
  keep: (answer: Feeds) => Promise<Feeds>,
): Promise<readonly Feeds[]> {
  const carrier = ownStates(evidence, order)
  const results: Feeds[] = []
  for (const [index, sample] of evidence.samples.entries()) {
    tools.notify({ phase: 'verify', done: index, total: evidence.samples.length, note: 'float, own states' })
    if (order.starts.has(index)) carrier.restart()
    const answer = await session.run(carrier.feeds(sample), tools.signal)
    carrier.after(answer)
    results.push(await keep(evidence.unjudged?.has(index) === true ? {} : answer))
  }
  return results
}

/** For the report: one of the two looks is the plain comparison. */
export function sequenceFigures(
  { states, steps, whose, outputs }: ComparedStates,
  plain: readonly ComparedOutput[],
): SequenceFigures {
  const [own, given] = whose === 'own' ? [outputs, plain] : [plain, outputs]
  return {
    states: states.map(({ input, output }) => ({ input, output })),
    steps,
    ownStates: { outputs: own },
    sameStates: { outputs: given },
  }
}

/** What a reader should know of how states went; undefined where the evidence says it already. */
export function orderNote({ evidence, order }: FloatRun): string | undefined {
  if (order === undefined) return undefined
  const pairs = order.states.map(({ input, output }) => `${input} <- ${output}`).join(', ')
  if (evidence.data === 'synthetic')
    return `judged step by step, and along the made-up samples with each model's own states: ${pairs}`
  const where = order.apart
    ? 'from sample to sample, whatever states the data give'
    : `through ${order.steps} samples whose states follow from the sample before`
  return `judged on the states of the data, and with each model's own states ${where}: ${pairs}`
}

interface Look {
  readonly answers: readonly Feeds[]
  readonly states: readonly StatePair[]
  readonly note: string
  /** Undefined where the sample need not be run. */
  step(sample: Sample, index: number): Promise<Feeds | undefined>
}

async function along(
  session: RuntimeSession,
  float: FloatRun,
  { answers, states, note, step }: Look,
  hints: KindHints,
  tools: Tools,
): Promise<readonly ComparedOutput[]> {
  const { evidence } = float
  const names = outputNames(float).filter((name) => session.outputs.includes(name))
  const collected = comparison(names, hintsFor(evidence, hints, states))
  const { length } = evidence.samples
  for (const [index, sample] of evidence.samples.entries()) {
    tools.notify({ phase: 'verify', done: index, total: length, note })
    const answer = await step(sample, index)
    if (answer === undefined || evidence.unjudged?.has(index) === true) continue
    collected.add(answers[index] as Feeds, answer, sample.label)
  }
  tools.notify({ phase: 'verify', done: length, total: length, note })
  return collected.figures()
}

/** Whether a state fits what the sample has for it: caches that grow do not. */
function goesOn(states: readonly StatePair[], { feeds }: Sample, before: Feeds): boolean {
  return states.some(({ input, output }) => {
    const [own, last] = [feeds[input], before[output]]
    return last !== undefined && (own === undefined || String(own.shape) === String(last.shape))
  })
}

/** Only states that the data give begin anew with them. */
function ownStates({ states }: Evidence, order: SampleOrder): StateCarrier {
  const [missing, given] = [stateCarrier(states), stateCarrier(order.states)]
  return {
    feeds: (sample) => given.feeds({ ...sample, feeds: missing.feeds(sample) }),
    after(results) {
      missing.after(results)
      given.after(results)
    },
    restart: () => given.restart(),
  }
}
