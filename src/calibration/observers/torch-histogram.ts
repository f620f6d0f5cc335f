import type { Observer } from '../../model/observer.ts'
import { extremesOf, joinRanges, NO_RANGE } from './extremes.ts'
import { histogramOf, stretchHistogram } from './torch-histogram-bins.ts'

/** Counts of equal bins from min to max, as PyTorch's HistogramObserver holds them; no bins until the first batch. */
export interface TorchHistogram {
  readonly min: number
  readonly max: number
  readonly counts: Float32Array
}

/**
 * PyTorch's HistogramObserver: when the range grows, the old bins are spread over the new ones by the middles of their
 * sixteenths. Counts stay whole in total; where a value lies is known to a bin or two only, so merging in another grouping
 * gives other counts: `merge` is associative only nearly. `alignedHistogramObserver` is exact.
 */
export function torchHistogramObserver(bins = 2048): Observer<TorchHistogram> {
  return {
    kind: 'histogram',
    empty: () => ({ ...NO_RANGE, counts: new Float32Array(0) }),
    observe(state, batch) {
      if (batch.length === 0) return state
      const seen = extremesOf(batch)
      const { min, max } = state.counts.length === 0 ? seen : joinRanges(state, seen)
      return join(state, { min, max, counts: histogramOf(batch, min, max, bins) })
    },
    merge(earlier, later) {
      if (earlier.counts.length === 0) return later
      if (later.counts.length === 0) return earlier
      const range = joinRanges(earlier, later)
      return join(earlier, { ...range, counts: stretchHistogram(later, range.min, range.max) })
    },
  }
}

/** Both, over the range of `later`, which holds that of `earlier`. */
function join(earlier: TorchHistogram, later: TorchHistogram): TorchHistogram {
  if (earlier.counts.length === 0) return later
  const { min, max } = later
  const stretched = stretchHistogram(earlier, min, max)
  return { min, max, counts: later.counts.map((count, index) => count + stretched[index]!) }
}
