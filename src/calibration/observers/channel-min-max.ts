import { TersorError } from '../../errors.ts'
import type { Observer } from '../../model/observer.ts'
import { notFinite } from './extremes.ts'

/** One range per index of the kept axis; both empty until the first batch. */
export interface ChannelRanges {
  readonly min: Float32Array
  readonly max: Float32Array
}

/**
 * Lowest and highest value of each index of `axis` (negative: from the end): PyTorch's PerChannelMinMaxObserver. Exact, in
 * any order. Batches may differ in every other dimension; E_USAGE when the axis is missing or changes its length.
 */
export function channelMinMaxObserver(axis: number): Observer<ChannelRanges> {
  return {
    kind: 'channel-range',
    empty: () => ({ min: new Float32Array(0), max: new Float32Array(0) }),
    observe: (state, batch, shape) => (batch.length === 0 ? state : join(state, rangesOf(batch, shape, axis))),
    merge: join,
  }
}

function rangesOf(batch: Float32Array, shape: readonly number[], axis: number): ChannelRanges {
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
  for (let start = 0, channel = 0; start < batch.length; start += inner, channel = (channel + 1) % count) {
    for (let index = start; index < start + inner; index++) {
      const value = batch[index]!
      if (!Number.isFinite(value)) throw notFinite(index, value)
      if (value < min[channel]!) min[channel] = value + 0
      if (value > max[channel]!) max[channel] = value + 0
    }
  }
  return { min, max }
}

function join(a: ChannelRanges, b: ChannelRanges): ChannelRanges {
  if (a.min.length === 0) return b
  if (b.min.length === 0) return a
  if (a.min.length !== b.min.length) {
    throw new TersorError('E_USAGE', `expected batches of ${a.min.length} channels, found ${b.min.length}`)
  }
  return {
    min: a.min.map((value, index) => Math.min(value, b.min[index]!) + 0),
    max: a.max.map((value, index) => Math.max(value, b.max[index]!) + 0),
  }
}
