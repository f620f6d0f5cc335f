/** What a channel costs and risks, over all values and products of one group of channels that are judged together. */
export interface BalanceGroup {
  /** Number of channels; every list below goes by their position. */
  readonly count: number
  /** True where the scale has to stay 1. */
  readonly fixed: readonly boolean[]
  /** Values on 8-bit grids: least and greatest of every channel that lies in them (NaN: not in this value). */
  readonly values: readonly { readonly least: Float64Array; readonly most: Float64Array }[]
  /** Sum of squares of all weights that read a channel: what its noise becomes behind the products. */
  readonly gains: Float64Array
  /** Mean square of a channel. */
  readonly energies: Float64Array
  /** Rows of weights that share a scale: the largest magnitude that each channel has in it, and elements a channel. */
  readonly rows: readonly BalanceRow[]
}

export interface BalanceRow {
  readonly channels: Int32Array
  readonly magnitudes: Float64Array
  readonly run: number
}

/** Steps of grids of activations and of weights. */
const CODES = 255
const WEIGHT_CODES = 254

/** Powers tried of range and of weight; beyond a half SqueezeNet and nanodet lose 1.6 and 0.5 dB again. */
const POWERS = [0, 0.25, 0.5]

/** A channel that samples hardly reached may be larger on others: no scale is smaller than this, none larger than its reciprocal. */
const LEAST_SCALE = 1 / 16

/** Expected noise that must go for a change to be worth it. */
const WORTH = 0.03

export interface Balance {
  readonly scales: Float64Array
  /** Expected squared error behind the products, of what it was. */
  readonly left: number
}

/**
 * What each channel is divided by, so that rounding of activations and of the weights behind them costs least together:
 *
 *   s = a^p (1 / w)^q       a: largest value of the channel, w: its largest weight behind, both relative to the largest
 *
 * with p and q of 0, 1/4 and 1/2, judged by the expected squared error behind the products: steps of the grids of activations
 * squared by the weights, and steps of the grids of weights squared by the mean squares of the activations. Larger
 * powers expect less error and give more: channels that calibration hardly reached are cut off on other data.
 * p = q = 1/2 is the rule of SmoothQuant (Xiao et al. 2022). Null when nothing is gained.
 */
export function balanceOf(group: BalanceGroup): Balance | null {
  const ones = new Float64Array(group.count).fill(1)
  const before = noiseOf(group, ones)
  if (!(before > 0) || !Number.isFinite(before)) return null
  const ranges = relativeRanges(group)
  const weights = relativeWeights(group)
  let best: Float64Array | null = null
  let least = before * (1 - WORTH)
  for (const p of POWERS) {
    for (const q of POWERS) {
      if (p === 0 && q === 0) continue
      const scales = scalesFor(group, ranges, weights, p, q)
      const noise = noiseOf(group, scales)
      if (noise >= least) continue
      least = noise
      best = scales
    }
  }
  return best === null ? null : { scales: best, left: least / before }
}

function scalesFor(
  { count, fixed }: BalanceGroup,
  ranges: Float64Array,
  weights: Float64Array,
  p: number,
  q: number,
): Float64Array {
  const scales = new Float64Array(count).fill(1)
  for (let channel = 0; channel < count; channel++) {
    const [range, weight] = [ranges[channel] as number, weights[channel] as number]
    if (fixed[channel] || !(range > 0)) continue
    const wanted = quarterPower(range, p) / (weight > 0 ? quarterPower(weight, q) : 1)
    scales[channel] = Math.fround(Math.min(1 / LEAST_SCALE, Math.max(LEAST_SCALE, wanted)))
  }
  return scales
}

/** x to the power of 0, 1/4, 1/2, 3/4 or 1, in operations that are the same everywhere. */
function quarterPower(x: number, power: number): number {
  const root = Math.sqrt(x)
  const fourth = Math.sqrt(root)
  const quarters = power * 4
  return (quarters >= 4 ? x : 1) * (quarters % 4 >= 2 ? root : 1) * (quarters % 2 === 1 ? fourth : 1)
}

/** Largest magnitude of each channel, relative to that of the value in which it matters most. */
function relativeRanges({ count, values }: BalanceGroup): Float64Array {
  const ranges = new Float64Array(count)
  for (const { least, most } of values) {
    const sizes = least.map((low, channel) => (Number.isNaN(low) ? 0 : Math.max(0, -low, most[channel] as number)))
    const largest = sizes.reduce((a, b) => (b > a ? b : a), 0)
    if (!(largest > 0)) continue
    for (let channel = 0; channel < count; channel++) {
      const size = (sizes[channel] as number) / largest
      if (size > (ranges[channel] as number)) ranges[channel] = size
    }
  }
  return ranges
}

function relativeWeights({ count, rows }: BalanceGroup): Float64Array {
  const weights = new Float64Array(count)
  for (const { channels, magnitudes } of rows) {
    for (let at = 0; at < channels.length; at++) {
      const channel = channels[at] as number
      if ((magnitudes[at] as number) > (weights[channel] as number)) weights[channel] = magnitudes[at] as number
    }
  }
  const largest = weights.reduce((a, b) => (b > a ? b : a), 0)
  return largest > 0 ? weights.map((one) => one / largest) : weights
}

/** Expected squared error behind all products, per position. */
export function noiseOf({ count, values, gains, energies, rows }: BalanceGroup, scales: Float64Array): number {
  let noise = 0
  for (const { least, most } of values) {
    let [low, high, carried] = [0, 0, 0]
    for (let channel = 0; channel < count; channel++) {
      const scale = scales[channel] as number
      // NaN compares false: the channel is not in this value.
      if ((least[channel] as number) / scale < low) low = (least[channel] as number) / scale
      if ((most[channel] as number) / scale > high) high = (most[channel] as number) / scale
      if (!Number.isNaN(most[channel])) carried += scale * scale * (gains[channel] as number)
    }
    const step = (high - low) / CODES
    noise += (step * step * carried) / 12
  }
  for (const { channels, magnitudes, run } of rows) {
    let [largest, energy] = [0, 0]
    for (let at = 0; at < channels.length; at++) {
      const channel = channels[at] as number
      const scale = scales[channel] as number
      largest = Math.max(largest, (magnitudes[at] as number) * scale)
      energy += (energies[channel] as number) / (scale * scale)
    }
    const step = (2 * largest) / WEIGHT_CODES
    noise += (step * step * energy * run) / 12
  }
  return noise
}
