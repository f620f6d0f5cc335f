import type { WeightWork } from '../plan.ts'
import type { FittedWeight } from './fitted.ts'

/** Keeps what is found of weights one by one, so that neither memory nor a run that ends early decides how much there can be. */
export interface FitStore {
  /** What an earlier run found of a weight, or why it found nothing. */
  known(work: WeightWork): FittedWeight | string | undefined
  /** Keeps what was found, or why nothing was. What comes back may hold no codes but read them when they are asked for. */
  keep<T extends FittedWeight | string>(work: WeightWork, found: T): T
}
