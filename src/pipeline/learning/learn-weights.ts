import { TersorError } from '../../errors.ts'
import { isKnown, type Operation } from '../../gradients/index.ts'
import type { Feeds } from '../../model/runtime.ts'
import { elementCountOf } from '../../numbers/dtype.ts'
import type { FitStore, Learned } from '../fitting/fit-store.ts'
import type { FitInput, FitResult } from '../fitting/fitted.ts'
import { canStack } from './can-stack.ts'
import { type DescentAsk, decoded, descend } from './descend.ts'
import type { DistillerGraph, Survey } from './distiller.ts'
import type { GradientRunner } from './gradient-runner.ts'
import { type CodedWeight, codedWeight } from './learned-weights.ts'
import { type LearnEffort, learningSteps } from './learning-budget.ts'
import { type Constant, constantOf, numbersOf, operationsOf } from './operations.ts'
import { lossesOf, maskOf } from './output-losses.ts'

export interface LearnAsk extends DescentAsk {
  readonly effort: LearnEffort
  /** Keeps what is learned under this name, and knows what an earlier run learned. */
  readonly kept?: { readonly store: FitStore; readonly name: string }
  /** At most so many steps, whatever the effort allows. */
  readonly mostSteps?: number
  /** Of all constants, as memory allows. */
  readonly mostElements?: number
  /** What an executor gives for the first sample: operators that are meant otherwise here are noticed. */
  readonly expected?: Feeds
  /** One run of the float model on a sample. */
  survey(graph: DistillerGraph, feeds: Feeds, outputs: readonly string[]): Survey
  runner(graph: DistillerGraph, met: readonly Float32Array[]): Promise<GradientRunner>
}

/** Of all constants: they are held in floats several times, in every thread. */
const MOST_ELEMENTS = 2 ** 26
/** Squared relative difference of outputs that rounding alone may do. */
const TOLERANCE = 1e-6
/** What a graph may be that a tape does not run. */
const UNFIT = new Set(['E_UNSUPPORTED', 'E_FORMAT', 'E_LIMIT'])

/**
 * Codes and scales that are learned end to end: the model with codes is to give what the float model gives. `started`: codes to begin
 * with. Kept only where samples that were not learned on come nearer. The same samples give the same codes, on any machine.
 */
export async function learnWeights(input: FitInput, started: FitResult, ask: LearnAsk): Promise<FitResult> {
  const { model, plan } = input
  const { tools, samples, kept } = ask
  const known = kept?.store.knownLearned(kept.name, plan.work)
  if (known) return withLearned(started, known)
  const { operations, constants } = await operationsOf(model)
  const unknown = unknownOf(operations)
  if (unknown !== null)
    return noted(started, `learning: no derivative of ${unknown} is known; codes stay as they were found`)
  const elementsOfAll = [...constants.values()].reduce((sum, { shape }) => sum + elementCountOf(shape), 0)
  if (elementsOfAll > Math.min(MOST_ELEMENTS, ask.mostElements ?? Infinity))
    return noted(started, 'the model is too large to be learned end to end; codes stay as they were found')
  const works = new Map(
    plan.work.filter(({ weight }) => weight.scope.length === 0).map((work) => [work.weight.name, work]),
  )
  const values = new Map<string, Constant>()
  const coded = new Map<string, CodedWeight>()
  for (const [name, tensor] of constants) {
    const constant = await constantOf(tensor, tools.kernels)
    if (constant === null) continue
    values.set(name, constant)
    const work = works.get(name)
    if (!work || constant.kind === 'plain') continue
    const one = codedWeight(work, constant.floats, started.fitted.get(work.weight), tools.kernels)
    if (one !== null) coded.set(name, one)
  }
  const learning = [...coded.values()].filter(({ learns }) => learns)
  if (learning.length === 0 || samples.length === 0) return started
  // Weights that only meet the others come last: their gradients are of no use.
  const fixed = [...coded.values()].filter(({ learns }) => !learns)
  const bare: DistillerGraph = {
    operations,
    constants: values,
    learned: learning.map(({ weight }) => weight.name),
    met: fixed.map(({ weight }) => weight.name),
    outputs: [],
    ...maskOf(model),
  }
  const [first] = samples as [Feeds]
  const names = model.graph.outputs.map(({ name }) => name)
  let survey: Survey
  try {
    survey = ask.survey(bare, first, names)
  } catch (thrown) {
    if (!(thrown instanceof TersorError) || !UNFIT.has(thrown.code)) throw thrown
    return noted(started, `${thrown.message}; codes stay as they were found`)
  }
  const strange = ask.expected && differing(survey, ask.expected)
  if (strange !== undefined)
    return noted(started, `learning: output "${strange}" is not what onnxruntime gives; codes stay as they were found`)
  const outputs = lossesOf(survey, input)
  if (outputs.length === 0)
    return noted(started, 'learning: the model gives no floats to come near to; codes stay as they were found')
  const elements = learning.reduce((sum, { weight }) => sum + weight.elementCount, 0)
  const steps = learningSteps(survey.multiplications, elements, samples.length, ask.effort, ask.mostSteps)
  if (steps === null) {
    return noted(
      started,
      `learning end to end would take too long with --effort ${ask.effort}; codes stay as they were found`,
    )
  }
  const stacks = canStack(samples, (feeds) =>
    ask.survey(
      bare,
      feeds,
      outputs.map(({ name }) => name),
    ),
  )
  const runner = await ask.runner({ ...bare, outputs, stacks }, fixed.map(decoded))
  const stop = (): void => void runner.close()
  tools.signal?.addEventListener('abort', stop)
  try {
    const better = await descend(runner, learning, started, steps, ask)
    const note = 'learning came no nearer to the float model; codes stay as they were found'
    const learned = better === null ? { fitted: new Map(), note } : { fitted: better }
    return withLearned(started, kept ? kept.store.keepLearned(kept.name, plan.work, learned) : learned)
  } catch (thrown) {
    if (!(thrown instanceof TersorError) || !UNFIT.has(thrown.code)) throw thrown
    return noted(started, `${thrown.message}; codes stay as they were found`)
  } finally {
    tools.signal?.removeEventListener('abort', stop)
    await runner.close()
  }
}

/** The first output that is not what an executor gives. */
function differing({ outputs }: Survey, expected: Feeds): string | undefined {
  return outputs.find(({ name, floats }) => {
    const value = expected[name]
    const wanted = value?.data instanceof Uint8Array ? numbersOf(value.data, value.dtype) : null
    if (wanted === null) return false
    if (wanted.length !== floats.length) return true
    let [distance, energy] = [0, 0]
    for (const [i, number] of wanted.entries()) {
      distance += (number - (floats[i] as number)) ** 2
      energy += number * number
    }
    return !(distance <= TOLERANCE * energy)
  })?.name
}

function withLearned(started: FitResult, { fitted, note }: Learned): FitResult {
  const notes = note === undefined ? started.notes : [...started.notes, note]
  return { ...started, fitted: new Map([...started.fitted, ...fitted]), notes }
}

function noted(result: FitResult, note: string): FitResult {
  return { ...result, notes: [...result.notes, note] }
}

/** The first operator that cannot be gone back through. */
function unknownOf(operations: readonly Operation[]): string | null {
  const found = operations.find((operation) => !isKnown(operation))
  return found ? `${found.domain === '' ? '' : `${found.domain}.`}${found.op}` : null
}
