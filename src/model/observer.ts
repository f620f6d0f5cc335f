/** What an observer remembers of the activations it saw. */
export type StatisticKind = 'range' | 'batch-ranges' | 'channel-range' | 'channel-moments' | 'histogram'

/**
 * A statistic of activations, gathered batch by batch. States are plain data and never changed in place.
 *
 * `empty` is neutral in `merge`, and `merge(a, b)` is what observing a's batches and then b's gives: workers and resumed
 * runs arrive at the same bits as long as they merge in batch order. An observer for which that holds only nearly says so.
 */
export interface Observer<S> {
  readonly kind: StatisticKind
  empty(): S
  /** Throws E_NONFINITE with the index of the first value that is not finite. An empty batch changes nothing. */
  observe(state: S, batch: Float32Array, shape: readonly number[]): S
  merge(earlier: S, later: S): S
}

/** Lowest and highest value seen; min is +Infinity and max -Infinity while there is none. */
export interface ValueRange {
  readonly min: number
  readonly max: number
}
