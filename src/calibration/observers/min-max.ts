import type { Observer, ValueRange } from '../../model/observer.ts'
import { extremesOf, joinRanges, NO_RANGE } from './extremes.ts'

/** Lowest and highest value of all batches: PyTorch's MinMaxObserver. Exact, in any order. */
export const minMaxObserver: Observer<ValueRange> = {
  kind: 'range',
  empty: () => NO_RANGE,
  observe: (state, batch) => joinRanges(state, extremesOf(batch)),
  merge: joinRanges,
}
