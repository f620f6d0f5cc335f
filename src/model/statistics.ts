import type { ValueRange } from './observer.ts'
import type { Value } from './runtime.ts'

/** What is known of each index of one axis of a value, over everything else. */
export interface ChannelStatistics {
  /** As the model counts it, from the first dimension. */
  readonly axis: number
  /** Values seen of each index. */
  readonly count: number
  readonly min: Float32Array
  readonly max: Float32Array
  readonly sum: Float64Array
  /** Sum of squares. */
  readonly squares: Float64Array
  /**
   * What the rounding of `sum` and of `squares` to doubles leaves out of the exact sums over samples, as further doubles for every
   * index; absent where it is nothing or not known. It makes statistics of parts of the data add up to those of all of it.
   */
  readonly rest?: { readonly sum: readonly Float64Array[]; readonly squares: readonly Float64Array[] }
}

/**
 * What was seen of one value of a graph. The histogram counts the values in [i w, (i + 1) w), w = 2^exponent, for i from
 * -counts.length / 2; min is +Infinity and max -Infinity while nothing was seen.
 */
export interface ValueStatistics extends ValueRange {
  /** Elements seen. */
  readonly count: number
  /** Elements that are exactly 0. */
  readonly zeros: number
  readonly exponent: number
  readonly counts: Float64Array
  /** Lowest and highest value of each sample, in sample order: min, max, min, max, ... */
  readonly samples: Float32Array
  /** Absent where the axis has another length from sample to sample, or too many indices to be channels. */
  readonly channels?: ChannelStatistics
}

/** What was seen of the values of a model, in the order of the samples. */
export interface Statistics {
  /** Fingerprint of the model, 64 hexadecimal digits (SHA-256). */
  readonly model: string
  /** Labels of the samples, in order. */
  readonly labels: readonly string[]
  /** By name of the value in the main graph, or by key (`bodyValueKey`) inside a body. */
  readonly values: ReadonlyMap<string, ValueStatistics>
  /** Values that were asked for and have no statistics, each with the reason. */
  readonly skipped: ReadonlyMap<string, string>
  /** States that were carried from sample to sample: `input <- output`. */
  readonly carried: readonly string[]
  /** SHA-256 of what was fed for each sample, parallel to `labels`; empty text where it is not known. */
  readonly digests?: readonly string[]
  /** The inputs were made up, not given. */
  readonly synthetic?: true
  /** The run ended early: values are missing, or have seen fewer samples than others. */
  readonly unfinished?: true
  /** What else was found by running the model, so that nothing has to be run again. Numbers are finite. */
  readonly choices?: ReadonlyMap<string, Json>
  /** The same for what is long, such as codes and biases that were fitted to the data. */
  readonly arrays?: ReadonlyMap<string, Value>
  /** Of other graphs that belong to the model, by name: its bodies, and itself after a change that keeps its function. They have no parts. */
  readonly parts?: ReadonlyMap<string, Statistics>
}

/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
