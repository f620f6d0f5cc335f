import { TersorError } from '../../errors.ts'
import type { Observer } from '../../model/observer.ts'
import { notFinite } from './extremes.ts'

/** What is known of each index of the kept axis; all empty until the first batch. */
export interface ChannelMoments {
  /** Values seen of each index. */
  readonly count: number
  readonly min: Float32Array
  readonly max: Float32Array
  readonly sum: Float64Array
  /** Sum of squares. */
  readonly squares: Float64Array
}

/**
 * Range, sum and sum of squares of each index of `axis` (negative: from the end), over everything else. Sums are doubles,
 * added batch by batch: merging in another grouping gives the same only nearly. E_USAGE when the axis is missing or changes
 * its length.
 */
export function channelMomentsObserver(axis: number): Observer<ChannelMoments> {
  const empty: ChannelMoments = {
    count: 0,
    min: new Float32Array(0),
    max: new Float32Array(0),
    sum: new Float64Array(0),
    squares: new Float64Array(0),
  }
  return {
    kind: 'channel-moments',
    empty: () => empty,
    observe: (state, batch, shape) =>
      batch.length === 0 ? state : joinMoments(state, channelMomentsOf(batch, shape, axis)),
    merge: joinMoments,
  }
}

/** Greatest magnitude of each channel. */
export function channelAbsmax({ min, max }: ChannelMoments): Float32Array {
  return max.map((value, channel) => Math.max(value, 0 - min[channel]!))
}

export function channelMeans({ count, sum }: ChannelMoments): Float64Array {
  return sum.map((value) => value / count)
}

/** Mean of the squares of each channel, about 0. */
export function channelSecondMoments({ count, squares }: ChannelMoments): Float64Array {
  return squares.map((value) => value / count)
}

/** Of one batch; E_NONFINITE for the first value that is not finite, E_USAGE for an axis that the shape has not. */
export function channelMomentsOf(batch: Float32Array, shape: readonly number[], axis: number): ChannelMoments {
  const kept = axis < 0 ? axis + shape.length : axis
  const count = shape[kept]
  if (count === undefined || shape.reduce((product, size) => product * size, 1) !== batch.length) {
    throw new TersorError(
      'E_USAGE',
      `expected axis ${axis} in a shape of ${batch.length} values, found [${shape.join(', ')}]`,
    )
  }
  const inner = shape.slice(kept + 1).reduce((product, size) => product * size, 1)
  const min = new Float32Array(count).fill(Number.POSITIVE_INFINITY)
  const max = new Float32Array(count).fill(Number.NEGATIVE_INFINITY)
  const sum = new Float64Array(count)
  const squares = new Float64Array(count)
  let channel = 0
  for (let start = 0; start < batch.length; start += inner) {
    let least = min[channel]!
    let most = max[channel]!
    let total = 0
    let energy = 0
    for (let index = start; index < start + inner; index++) {
      const value = batch[index]!
      if (value < least) least = value
      if (value > most) most = value
      total += value
      energy += value * value
    }
    // Sums of finite f32 are finite doubles, so they show whatever was not.
    if (!Number.isFinite(energy)) throw firstNotFinite(batch, start)
    min[channel] = least + 0
    max[channel] = most + 0
    sum[channel]! += total
    squares[channel]! += energy
    channel = channel + 1 === count ? 0 : channel + 1
  }
  return { count: batch.length / count, min, max, sum, squares }
}

function firstNotFinite(batch: Float32Array, from: number): TersorError {
  let index = from
  while (Number.isFinite(batch[index]!)) index++
  return notFinite(index, batch[index]!)
}

export function joinMoments(a: ChannelMoments, b: ChannelMoments): ChannelMoments {
  if (a.count === 0) return b
  if (b.count === 0) return a
  if (a.min.length !== b.min.length) {
    throw new TersorError('E_USAGE', `expected batches of ${a.min.length} channels, found ${b.min.length}`)
  }
  return {
    count: a.count + b.count,
    min: a.min.map((value, index) => Math.min(value, b.min[index]!) + 0),
    max: a.max.map((value, index) => Math.max(value, b.max[index]!) + 0),
    sum: a.sum.map((value, index) => value + b.sum[index]!),
    squares: a.squares.map((value, index) => value + b.squares[index]!),
  }
}
