import type { StateOutput, StatePair } from '../calibration/states.ts'
import { inputFactsOf, type KindHints } from '../evaluation/index.ts'
import type { Feeds, Sample, SessionInput } from '../model/runtime.ts'
import type { ScoredPair } from '../model/truth.ts'
import { filledStates, type GivenState, givenStates } from './carried-states.ts'
import type { SampleOrder } from './sample-order.ts'
import type { BatchFacts } from './truth/batch.ts'

export interface Evidence {
  readonly data: 'given' | 'synthetic'
  readonly samples: readonly Sample[]
  /** Samples there are, before any selection. */
  readonly found: number
  readonly filled: readonly string[]
  /** States that each model carries by itself from sample to sample: the data do not give them. */
  readonly states?: readonly StatePair[]
  /** States that the data give, and that may go from sample to sample. */
  readonly given?: readonly GivenState[]
  /** Indices of `samples` that only bring the states to the others: run, not judged. */
  readonly unjudged?: ReadonlySet<number>
  /** How texts became rows of tokens. */
  readonly rows?: string
  /** Texts by twos with a score: `index` of their samples. */
  readonly pairs?: readonly ScoredPair[]
}

/** The states of a model: those that go from sample to sample by themselves, and those that are given. */
export function statesFacts(
  inputs: readonly SessionInput[],
  outputs: readonly StateOutput[],
  set: Pick<Evidence, 'filled'>,
): Pick<Evidence, 'states' | 'given'> {
  const [states, given] = [filledStates(inputs, outputs, set), givenStates(inputs, outputs, set)]
  return { ...(states.length === 0 ? {} : { states }), ...(given.length === 0 ? {} : { given }) }
}

/** The states of a model that made-up samples fill with zeros. */
export function madeUpStates(
  inputs: readonly SessionInput[],
  outputs: readonly StateOutput[],
  set: Pick<Evidence, 'filled'>,
): Pick<Evidence, 'given'> {
  const states = filledStates(inputs, outputs, set).map((pair) => ({ ...pair, certain: true }))
  return states.length === 0 ? {} : { given: states }
}

/** How many samples the figures are about. */
export function judgedCount({ samples, unjudged }: Evidence): number {
  return samples.length - (unjudged?.size ?? 0)
}

/** Float results, kept so that each arithmetic of the candidate can be compared in turn. Bounded by the caller. */
export interface FloatRun {
  readonly evidence: Evidence
  readonly results: readonly Feeds[]
  /** How samples hang together that give their states; absent where none goes on from another. */
  readonly order?: SampleOrder
  /** Float on states of its own, where those that are given do not follow from the sample before. */
  readonly own?: readonly Feeds[]
  /** Texts alone and in a batch; absent where that could not be tried. */
  readonly batch?: BatchFacts
}

/** Whether plain runs leave a sample out: nobody judges it, and it brings no states. */
export function isSkipped({ states, unjudged }: Evidence, index: number): boolean {
  return states === undefined && unjudged?.has(index) === true
}

/** Outputs of float that are judged. */
export function outputNames({ evidence, results }: FloatRun): readonly string[] {
  const first = results.findIndex((_, index) => evidence.unjudged?.has(index) !== true)
  return Object.keys(results[first] ?? {})
}

/** What is known of the inputs too: pictures are judged as pictures, states that are fed back not on their own. */
export function hintsFor(evidence: Evidence, hints: KindHints, fedBack = evidence.states): KindHints {
  return {
    ...hints,
    inputs: inputFactsOf(evidence.samples),
    ...(fedBack === undefined
      ? {}
      : { carried: new Set([...(hints.carried ?? []), ...fedBack.map(({ output }) => output)]) }),
  }
}
