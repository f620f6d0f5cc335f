import { TersorError } from '../../errors.ts'
import { isKnown, type Operation } from '../../gradients/index.ts'
import type { TensorRef } from '../../model/graph.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { Feeds, Value } from '../../model/runtime.ts'
import type { FitStore } from '../fitting/fit-store.ts'
import type { FitInput, FitResult, FittedWeight } from '../fitting/fitted.ts'
import { canStack } from './can-stack.ts'
import { type DescentAsk, decoded, descend } from './descend.ts'
import type { DistillerGraph, OutputLoss, Survey } from './distiller.ts'
import type { GradientRunner } from './gradient-runner.ts'
import { type CodedWeight, codedWeight } from './learned-weights.ts'
import { type LearnEffort, type LearningSteps, learningSteps } from './learning-budget.ts'
import { type Constant, constantOf, numbersOf } from './operations.ts'

export interface LearnAsk extends DescentAsk {
  readonly effort: LearnEffort
  /** Keeps what is learned under this name, and knows what an earlier run learned. */
  readonly kept?: { readonly store: FitStore; readonly name: string }
  /** At most so many steps, whatever the effort allows. */
  readonly mostSteps?: number
  /** Floats that all threads together may hold. */
  readonly mostFloats?: number
  /** One run of the float model on a sample. */
  survey(graph: DistillerGraph, feeds: Feeds, outputs: readonly string[]): Survey
  runner(graph: DistillerGraph, samples: readonly Feeds[], met: readonly Float32Array[]): Promise<GradientRunner>
}

/** What learns together: a model, or a block of one. */
export interface LearnPart {
  readonly operations: readonly Operation[]
  /** What they read that never changes. */
  readonly constants: ReadonlyMap<string, TensorRef>
  readonly outputs: readonly string[]
  /** What the float part reads for a first sample, and what an executor makes of it: operators that are meant otherwise here are noticed. */
  readonly first: { readonly feeds: Feeds; readonly expected?: Feeds }
  readonly samples: readonly Feeds[]
  readonly mask?: string
  /** Names under which samples bring what each output is to be. */
  readonly targets?: readonly string[]
  /** The samples with that of these outputs, where it fits memory; null: the float model answers again in every step. */
  answered?(outputs: readonly string[]): Promise<Answered | null>
  /** A block: its part of all elements that are learned. */
  readonly share?: number
  losses(survey: Survey): readonly OutputLoss[]
  /** Goes before 'in N steps' in the reason. */
  readonly says: string
}

export interface Answered {
  readonly samples: readonly Feeds[]
  readonly targets: readonly string[]
}

/** Why codes stay as they were. `long`: steps would take too long; `far`: what was learned was no better. */
export interface Unlearned {
  readonly kind: 'unfit' | 'long' | 'far' | 'nothing'
  readonly why: string
}

/** Squared relative difference of outputs that rounding alone may do. */
const TOLERANCE = 1e-6
/** What a graph may be that a tape does not run. */
const UNFIT = new Set(['E_UNSUPPORTED', 'E_FORMAT', 'E_LIMIT'])

/** Learns the codes of a part from those that it was `started` with. E_ABORTED as the signal says. */
export async function learnPart(
  { plan }: FitInput,
  { fitted }: FitResult,
  part: LearnPart,
  ask: LearnAsk,
): Promise<ReadonlyMap<WeightFacts, FittedWeight> | Unlearned> {
  const { tools } = ask
  const { operations } = part
  const unknown = unknownOf(operations)
  if (unknown !== null) return { kind: 'unfit', why: `no derivative of ${unknown} is known` }
  const works = new Map(
    plan.work.filter(({ weight }) => weight.scope.length === 0).map((work) => [work.weight.name, work]),
  )
  const read = new Set(operations.flatMap(({ inputs }) => inputs))
  const values = new Map<string, Constant>()
  const coded = new Map<string, CodedWeight>()
  for (const [name, tensor] of part.constants) {
    if (!read.has(name)) continue
    const constant = await constantOf(tensor, tools.kernels)
    if (constant === null) continue
    values.set(name, constant)
    const work = works.get(name)
    if (!work || constant.kind === 'plain') continue
    const one = codedWeight(work, constant.floats, fitted.get(work.weight), tools.kernels)
    if (one !== null) coded.set(name, one)
  }
  const learning = [...coded.values()].filter(({ learns }) => learns)
  if (learning.length === 0 || part.samples.length === 0) return { kind: 'nothing', why: 'nothing is learned' }
  // Weights that only meet the others come last: their gradients are of no use.
  const fixed = [...coded.values()].filter(({ learns }) => !learns)
  const { mask } = part
  const bare: DistillerGraph = {
    operations,
    constants: values,
    learned: [],
    met: [],
    outputs: [],
    ...(mask ? { mask } : {}),
  }
  const { first } = part
  let survey: Survey
  try {
    survey = ask.survey(bare, first.feeds, part.outputs)
  } catch (thrown) {
    return unfitOf(thrown)
  }
  const strange = first.expected && differing(survey, first.expected)
  if (strange !== undefined) return { kind: 'unfit', why: `"${strange}" is not what onnxruntime gives` }
  const unread = part.targets?.find((name) => !isRead(part.samples[0]?.[name]))
  if (unread !== undefined) return { kind: 'unfit', why: 'its values are of a type that is not read' }
  const outputs = part.losses(survey)
  if (outputs.length === 0) return { kind: 'unfit', why: 'the model gives no floats to come near to' }
  const elements = learning.reduce((sum, { weight }) => sum + weight.elementCount, 0)
  const { multiplications } = survey
  const stepsOn = (count: number, share?: number): LearningSteps | null =>
    learningSteps(multiplications, elements, count, ask.effort, ask.mostSteps, share)
  const tooLong: Unlearned = { kind: 'long', why: `would take too long with --effort ${ask.effort}` }
  const share = part.share ?? 1
  if (stepsOn(part.samples.length, share) === null) return tooLong
  const names = outputs.map(({ name }) => name)
  const { samples, targets }: Partial<Answered> & Pick<Answered, 'samples'> = part.targets
    ? part
    : ((await part.answered?.(names)) ?? { samples: part.samples })
  const steps = stepsOn(samples.length, targets && share)
  if (steps === null) return tooLong
  const stacks = canStack(samples, (feeds) => ask.survey(bare, feeds, names))
  const learns = new Set(learning.map(({ weight }) => weight.name))
  const meets = new Set(fixed.map(({ weight }) => weight.name))
  const unseen = targets ? new Set([...learns, ...meets]) : new Set<string>()
  const graph: DistillerGraph = {
    ...bare,
    constants: new Map([...values].map(([name, one]) => [name, unseen.has(name) ? withoutFloats(one) : one])),
    learned: [...learns],
    met: [...meets],
    outputs,
    stacks,
    ...(targets ? { targets } : {}),
  }
  const runner = await ask.runner(graph, samples, fixed.map(decoded))
  const stop = (): void => void runner.close()
  tools.signal?.addEventListener('abort', stop)
  try {
    const better = await descend(runner, learning, fitted, steps, part.says, { ...ask, samples })
    return better ?? { kind: 'far', why: 'learning came no nearer to the float model' }
  } catch (thrown) {
    // Threads that were ended fail.
    if (tools.signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user', { cause: thrown })
    return unfitOf(thrown)
  } finally {
    tools.signal?.removeEventListener('abort', stop)
    await runner.close()
  }
}

function isRead(value: Value | undefined): boolean {
  return value?.data instanceof Uint8Array && numbersOf(new Uint8Array(), value.dtype) !== null
}

function withoutFloats(one: Constant): Constant {
  return one.kind === 'float' ? { ...one, floats: new Float32Array() } : one
}

function unfitOf(thrown: unknown): Unlearned {
  if (!(thrown instanceof TersorError) || !UNFIT.has(thrown.code)) throw thrown
  return { kind: 'unfit', why: thrown.message }
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

/** The first operator that cannot be gone back through. */
function unknownOf(operations: readonly Operation[]): string | null {
  const found = operations.find((operation) => !isKnown(operation))
  return found ? nameOfOperator(found) : null
}

export function nameOfOperator({ domain, op }: Pick<Operation, 'domain' | 'op'>): string {
  return `${domain === '' ? '' : `${domain}.`}${op}`
}
