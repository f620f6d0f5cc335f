import type { WeightFacts } from '../../model/inventory.ts'
import type { WeightWork } from '../plan.ts'
import type { FittedWeight } from './fitted.ts'

/** What became of weights that learned together. */
export interface Learned {
  /** Empty where their codes stay as they were. */
  readonly fitted: ReadonlyMap<WeightFacts, FittedWeight>
  readonly note?: string
}

/** Keeps what is found of weights one by one, so that neither memory nor a run that ends early decides how much there can be. */
export interface FitStore {
  /** What an earlier run found of a weight, or why it found nothing. */
  known(work: WeightWork): FittedWeight | string | undefined
  /** Keeps what was found, or why nothing was. What comes back may hold no codes but read them when they are asked for. */
  keep<T extends FittedWeight | string>(work: WeightWork, found: T): T
  /** What an earlier run learned under this name, which says all that it depends on beside what `known` gives; undefined: nothing, or not to its end. */
  knownLearned(name: string, works: readonly WeightWork[]): Learned | undefined
  /** Keeps what was learned; what comes back as in `keep`. */
  keepLearned(name: string, works: readonly WeightWork[], learned: Learned): Learned
}
