import type { ChannelStatistics, Statistics, ValueStatistics } from '../../model/statistics.ts'

/**
 * Statistics of a value whose channels were divided by `scales` (axis 1, all positive). Ranges and sums of channels follow exactly, to
 * the rounding of one division, and the range of the whole from them; how values are spread, and their extremes by sample, do not:
 * histogram and samples are empty until the value is collected again. Null where its channels were not seen.
 */
export function scaledStatistics(value: ValueStatistics, scales: Float64Array): ValueStatistics | null {
  const { channels } = value
  if (channels === undefined || channels.axis !== 1 || channels.min.length !== scales.length) return null
  const by = (values: ArrayLike<number>, power: 1 | 2): number[] =>
    Array.from(values, (one, at) => one / (power === 1 ? scales[at]! : scales[at]! * scales[at]!))
  return withChannels(value, {
    ...channels,
    min: Float32Array.from(by(channels.min, 1)),
    max: Float32Array.from(by(channels.max, 1)),
    sum: Float64Array.from(by(channels.sum, 1)),
    squares: Float64Array.from(by(channels.squares, 2)),
  })
}

/** The value with a constant taken from each channel. */
export function shiftedStatistics(value: ValueStatistics, shift: Float64Array): ValueStatistics | null {
  const { channels } = value
  if (channels === undefined || channels.axis !== 1 || channels.min.length !== shift.length) return null
  const { count } = channels
  return withChannels(value, {
    ...channels,
    min: channels.min.map((one, at) => one - shift[at]!),
    max: channels.max.map((one, at) => one - shift[at]!),
    sum: channels.sum.map((one, at) => one - count * shift[at]!),
    squares: channels.squares.map((one, at) => one - 2 * shift[at]! * channels.sum[at]! + count * shift[at]! ** 2),
  })
}

function withChannels(value: ValueStatistics, channels: ChannelStatistics): ValueStatistics {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const one of channels.min) min = Math.min(min, one)
  for (const one of channels.max) max = Math.max(max, one)
  return { ...value, min, max, counts: new Float64Array(0), samples: new Float32Array(0), channels }
}

/** Statistics with those of some values replaced, as after they were collected again. */
export function withFresh(statistics: Statistics, fresh: Statistics): Statistics {
  const values = new Map(statistics.values)
  const skipped = new Map(statistics.skipped)
  for (const [name, value] of fresh.values) {
    values.set(name, value)
    skipped.delete(name)
  }
  for (const [name, reason] of fresh.skipped) {
    values.delete(name)
    skipped.set(name, reason)
  }
  return { ...statistics, values, skipped }
}
