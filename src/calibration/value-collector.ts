import { TersorError } from '../errors.ts'
import type { Kernels } from '../model/kernels.ts'
import type { ValueRange } from '../model/observer.ts'
import type { ValueStatistics } from '../model/statistics.ts'
import { powerOfTwo } from '../numbers/power-of-two.ts'
import { ChannelSums } from './channel-sums.ts'
import { observeValues } from './observe-values.ts'
import { coarser, exponentFor, LEAST_EXPONENT } from './observers/aligned-histogram.ts'
import { joinRanges, NO_RANGE, notFinite } from './observers/extremes.ts'

/** Bins of the histograms of statistics: at least 2048 between 0 and the furthest value. */
export const STATISTICS_BINS = 8192
/** An axis of more indices is no axis of channels. */
export const MOST_CHANNELS = 65536

/**
 * Statistics of one value while they grow: what `alignedHistogramObserver` and `channelMomentsObserver` remember, kept in
 * place. The same samples in the same order give the same bits, whether in one go or from statistics that are continued.
 */
export class ValueCollector {
  #range = NO_RANGE
  #count = 0
  #zeros = 0
  #exponent = LEAST_EXPONENT
  #counts: Float64Array
  #samples: Float32Array
  #seen = 0
  #channels: ChannelSums | undefined
  readonly #kernels: Kernels
  readonly #axis: number | undefined
  readonly #least: number
  #channelsLost = false

  /**
   * `axis` of the channels, negative from the end; without one none are kept. Continues `from` without changing it. `least`: values of
   * a sample that are counted where it has more, see `observeValues`; default all.
   */
  constructor(kernels: Kernels, axis?: number, from?: ValueStatistics, least = Number.POSITIVE_INFINITY) {
    this.#kernels = kernels
    this.#axis = axis
    this.#least = least
    this.#counts = from === undefined ? new Float64Array(STATISTICS_BINS) : from.counts.slice()
    this.#samples = new Float32Array(Math.max(64, 2 * (from?.samples.length ?? 0)))
    if (from === undefined) return
    this.#range = { min: from.min, max: from.max }
    this.#count = from.count
    this.#zeros = from.zeros
    this.#exponent = from.exponent
    this.#samples.set(from.samples)
    this.#seen = from.samples.length / 2
    this.#channels = from.channels && new ChannelSums(from.channels)
    this.#channelsLost = from.channels === undefined && from.count > 0
  }

  /** Samples seen. */
  get seen(): number {
    return this.#seen
  }

  /** Adds one sample. E_NONFINITE with the index of the first value that is not finite; nothing is changed then. */
  add(values: Float32Array, shape: readonly number[]): void {
    if (values.length === 0) {
      this.#remember(NO_RANGE.min, NO_RANGE.max)
      return
    }
    const axis = this.#channelAxis(shape)
    const observed = observeValues(this.#kernels, values, shape, axis, this.#exponent, this.#counts.length, this.#least)
    const { range, exponent, counts, zeros, moments } = observed
    if (axis !== undefined) {
      if (this.#channels === undefined) this.#channels = new ChannelSums({ axis, ...moments })
      else this.#channels.add(moments)
    }
    this.#remember(range.min, range.max)
    this.#widen(exponent)
    const perUnit = powerOfTwo(-exponent)
    const half = this.#counts.length / 2
    const last = half + Math.floor(range.max * perUnit)
    addCounts(this.#counts, counts, half + Math.floor(range.min * perUnit), last)
    this.#zeros += zeros
    this.#count += values.length
    this.#range = joinRanges(this.#range, range)
  }

  /** Adds one sample of which nothing but the range is known. E_NONFINITE; nothing is changed then. */
  addRange({ min, max }: ValueRange): void {
    if (!(Math.abs(min) < Number.POSITIVE_INFINITY && Math.abs(max) < Number.POSITIVE_INFINITY)) {
      throw notFinite(0, Number.isFinite(min) ? max : min)
    }
    const range = joinRanges({ min, max }, NO_RANGE)
    this.#remember(range.min, range.max)
    this.#widen(exponentFor(range, this.#counts.length / 2, this.#exponent))
    this.#range = joinRanges(this.#range, range)
  }

  /** What is known so far, as a copy. */
  statistics(): ValueStatistics {
    return {
      ...this.#range,
      count: this.#count,
      zeros: this.#zeros,
      exponent: this.#exponent,
      counts: this.#counts.slice(),
      samples: this.#samples.slice(0, 2 * this.#seen),
      ...(this.#channels === undefined ? {} : { channels: this.#channels.statistics() }),
    }
  }

  /** Axis of the channels of a value of this shape, where they can still be told apart. */
  #channelAxis(shape: readonly number[]): number | undefined {
    if (this.#axis === undefined || this.#channelsLost) return undefined
    const axis = this.#axis < 0 ? this.#axis + shape.length : this.#axis
    const length = shape[axis]
    const known = this.#channels
    if (length !== undefined && length <= MOST_CHANNELS && (!known || (known.axis === axis && known.length === length)))
      return axis
    this.#channelsLost = true
    this.#channels = undefined
    return undefined
  }

  #widen(exponent: number): void {
    if (exponent <= this.#exponent) return
    this.#counts = coarser({ exponent: this.#exponent, counts: this.#counts }, exponent)
    this.#exponent = exponent
  }

  #remember(min: number, max: number): void {
    if (2 * this.#seen + 2 > this.#samples.length) {
      const grown = new Float32Array(this.#samples.length * 2)
      grown.set(this.#samples)
      this.#samples = grown
    }
    this.#samples[2 * this.#seen] = min
    this.#samples[2 * this.#seen + 1] = max
    this.#seen++
  }
}

/** A loop that stands alone: what is hot is compiled with all that stands around it. */
function addCounts(to: Float64Array, counts: ArrayLike<number>, first: number, last: number): void {
  for (let bin = first; bin <= last; bin++) to[bin]! += counts[bin]!
}

/** The values of a tensor as f32; E_NONFINITE where a double is beyond f32. */
export function asSingles(values: Float32Array | Float64Array): Float32Array {
  if (values instanceof Float32Array) return values
  const singles = Float32Array.from(values)
  const at = singles.findIndex((single, index) => !Number.isFinite(single) && Number.isFinite(values[index]))
  if (at >= 0)
    throw new TersorError('E_NONFINITE', `activation ${at} is ${values[at]}; expected numbers that f32 holds`)
  return singles
}
