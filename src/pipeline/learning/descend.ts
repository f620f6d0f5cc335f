import { TersorError } from '../../errors.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { Feeds } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { Warmth } from '../../solvers/learned-codes/index.ts'
import type { FitResult, FittedWeight } from '../fitting/fitted.ts'
import { bucketsOf, draw } from './draw.ts'
import type { GradientRunner } from './gradient-runner.ts'
import { type CodedWeight, fittedOf } from './learned-weights.ts'
import { coolingAt, type LearningSteps } from './learning-budget.ts'

export interface DescentAsk {
  /** What is fed, all in memory. */
  readonly samples: readonly Feeds[]
  readonly seed: number
  readonly tools: Tools
}

/** Steps of a code, and parts of a scale, that a step of learning takes at first; codes of two bits have further to go. */
const RATES = { few: { place: 0.03, scale: 0.002 }, more: { place: 0.008, scale: 0.002 } } as const
const FEW_BITS = 2
/** Part of the samples that only judge, and the most of them. */
const HELD_PART = 0.125
const MOST_HELD = 24
/** With fewer samples all learn and all judge. */
const FEWEST_SPLIT = 8

/** What a coded weight multiplies by now. */
export function decoded({ codes, values }: CodedWeight): Float32Array {
  const floats = new Float32Array(values.length)
  codes.decode(floats)
  return floats
}

/** The steps; null where samples that were not learned on come no nearer. E_ABORTED as the signal says. */
export async function descend(
  runner: GradientRunner,
  learning: readonly CodedWeight[],
  fitted: FitResult['fitted'],
  { steps, batch, seconds }: LearningSteps,
  says: string,
  { samples, seed, tools }: DescentAsk,
): Promise<ReadonlyMap<WeightFacts, FittedWeight> | null> {
  const held = samples.length < FEWEST_SPLIT ? 0 : Math.min(MOST_HELD, Math.floor(samples.length * HELD_PART))
  const drawn = samples.length - held
  const judges = Array.from({ length: held === 0 ? drawn : held }, (_, i) => (held === 0 ? i : drawn + i))
  const weights = learning.map(decoded)
  const gradients = learning.map(({ values }) => new Float32Array(values.length))
  runner.setWeights(weights)
  const before = await runner.distance(judges)
  const [places, scales] = [new Warmth(), new Warmth()]
  const buckets = bucketsOf(samples.slice(0, drawn))
  for (let step = 0; step < steps; step++) {
    if (tools.signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user')
    tools.notify({
      phase: 'learn',
      done: step,
      total: steps,
      note: step === 0 ? `about ${Math.ceil(seconds)} s of one core` : '',
    })
    for (const gradient of gradients) gradient.fill(0)
    await runner.step(draw(buckets, drawn, batch, seed, step), gradients)
    const cooling = coolingAt(step, steps)
    const [place, scale] = [places.next(cooling), scales.next(cooling)]
    for (const [index, { codes }] of learning.entries()) {
      const rates = codes.spec.bits <= FEW_BITS ? RATES.few : RATES.more
      const moves = { ...place, rate: place.rate * rates.place }
      codes.step(gradients[index] as Float32Array, moves, { ...scale, rate: scale.rate * rates.scale })
      codes.decode(weights[index] as Float32Array)
    }
    runner.setWeights(weights)
  }
  tools.notify({ phase: 'learn', done: steps, total: steps })
  const after = await runner.distance(judges)
  if (!(after < before)) return null
  const because = `${says} in ${steps} steps of ${batch} samples (distance ${short(before)} to ${short(after)} on ${held === 0 ? 'the same' : 'held-out'} samples)`
  return new Map(learning.map((one) => [one.weight, learnedFrom(one, fitted.get(one.weight), because)]))
}

/** What was found before stays in the reason. */
function learnedFrom(one: CodedWeight, before: FittedWeight | undefined, because: string): FittedWeight {
  const found = fittedOf(one, before ? `${before.because}; then ${because}` : because)
  return before ? { ...found, corrections: [...before.corrections, 'learned'] } : found
}

function short(value: number): string {
  return value.toPrecision(3)
}
