import type { Feeds, Value } from '../../model/runtime.ts'
import { elementCountOf } from '../../numbers/dtype.ts'
import type { Learned } from '../fitting/fit-store.ts'
import type { FitInput, FitResult } from '../fitting/fitted.ts'
import { type Answered, type LearnAsk, learnPart, type Unlearned } from './learn-part.ts'
import { numbersOf, operationsOf } from './operations.ts'
import { lossesOf, maskOf } from './output-losses.ts'
import { sharedFeeds } from './shared-weights.ts'

/** Floats of all constants, as often as a thread holds them: both models, gradients and transposes. */
const COPIES = 4
/** Of all constants. */
const MOST_ELEMENTS = 2 ** 26
/** What the float model answers is kept up to so many bytes, instead of asking it again in every step. */
const MOST_ANSWER_BYTES = 512 * 2 ** 20

/** All outputs of the float model, by an executor. */
export type Answer = (feeds: Feeds) => Promise<Feeds>

/**
 * Codes and scales that are learned end to end: the model with codes is to give what the float model gives. `started`: codes to begin
 * with. Kept only where samples that were not learned on come nearer. The same samples give the same codes, on any machine.
 * Why nothing was learned, where that is so and blocks may do better.
 */
export async function learnWeights(
  input: FitInput,
  started: FitResult,
  ask: LearnAsk & { readonly answer?: Answer },
): Promise<FitResult | Unlearned> {
  const { model, plan } = input
  const { samples, kept } = ask
  const known = kept?.store.knownLearned(kept.name, plan.work)
  if (known) return withLearned(started, known)
  const { operations, constants } = await operationsOf(model)
  const elements = [...constants.values()].reduce((sum, { shape }) => sum + elementCountOf(shape), 0)
  if (elements > Math.min(MOST_ELEMENTS, Math.floor((ask.mostFloats ?? Infinity) / COPIES)))
    return { kind: 'unfit', why: 'the model is too large to be learned end to end' }
  const [first] = samples
  if (first === undefined) return started
  const expected = await ask.answer?.(first)
  const learned = await learnPart(
    input,
    started,
    {
      operations,
      constants,
      outputs: model.graph.outputs.map(({ name }) => name),
      first: { feeds: first, ...(expected ? { expected } : {}) },
      samples,
      answered: async (outputs) => (ask.answer && expected ? answersOf(samples, outputs, expected, ask.answer) : null),
      ...maskOf(model),
      losses: (survey) => lossesOf(survey, input),
      says: 'learned end to end',
    },
    ask,
  )
  if (!('kind' in learned)) return keptLearned(started, { fitted: learned }, input, ask)
  if (learned.kind === 'nothing') return started
  if (learned.kind !== 'far') return learned
  return keptLearned(started, { fitted: new Map(), note: `${learned.why}; codes stay as they were found` }, input, ask)
}

/** The samples with what the float model answers, as many as fit memory; null where that is less than half of them. */
async function answersOf(
  samples: readonly Feeds[],
  outputs: readonly string[],
  first: Feeds,
  answer: Answer,
): Promise<Answered | null> {
  const bytesOf = (answers: Feeds): number =>
    outputs.reduce((sum, name) => sum + ((answers[name]?.data as Uint8Array | undefined)?.byteLength ?? Infinity), 0)
  const areNumbers = outputs.every((name) => first[name] && numbersOf(new Uint8Array(), first[name].dtype) !== null)
  if (!areNumbers || bytesOf(first) * samples.length > 2 * MOST_ANSWER_BYTES) return null
  const targets = outputs.map((_, at) => `target ${at}`)
  const answered: Feeds[] = []
  let bytes = 0
  for (const feeds of samples) {
    const answers = await answer(feeds)
    bytes += bytesOf(answers)
    if (bytes > MOST_ANSWER_BYTES) break
    const wanted = outputs.map((name, at) => [targets[at], answers[name] as Value])
    answered.push(sharedFeeds({ ...feeds, ...Object.fromEntries(wanted) }))
  }
  return answered.length * 2 < samples.length ? null : { samples: answered, targets }
}

function keptLearned(started: FitResult, learned: Learned, { plan }: FitInput, { kept }: LearnAsk): FitResult {
  return withLearned(started, kept ? kept.store.keepLearned(kept.name, plan.work, learned) : learned)
}

/** What was learned in the place of what was found before. */
export function withLearned(started: FitResult, { fitted, note }: Learned): FitResult {
  const notes = note === undefined ? started.notes : [...started.notes, note]
  return { ...started, fitted: new Map([...started.fitted, ...fitted]), notes }
}
