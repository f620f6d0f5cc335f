import { type Bins, binsOf } from '../../calibration/ranges/distribution.ts'
import { rangeOfGrid } from '../../calibration/ranges/grid.ts'
import { energyOf, quantizationError } from '../../calibration/ranges/quantization-error.ts'
import { decibels } from '../../evaluation/index.ts'
import type { ActivationGrid, ActivationPoint } from '../../model/activation.ts'
import type { Histogram } from '../../model/explanation.ts'
import type { ValueFacts } from '../../model/layer-facts.ts'
import type { ValueStatistics } from '../../model/statistics.ts'
import { powerOfTwo } from '../../numbers/power-of-two.ts'

/** Bars of a histogram in a report. */
const MOST_BARS = 96

/** Facts of a value that is rounded; undefined where nothing was seen of it. */
export function valueFacts(
  { value, group, because }: ActivationPoint,
  grid: ActivationGrid,
  seen: ValueStatistics | undefined,
  observer: string,
  growth: number,
): ValueFacts | undefined {
  if (seen === undefined || !(seen.min <= seen.max)) return undefined
  const bins = binsOf(seen)
  const { min: low, max: high } = rangeOfGrid(grid, grid.type)
  const { below, above } = clippedShares(bins, low - grid.scale / 2, high + grid.scale / 2)
  const energy = energyOf(bins)
  const { rounding, clipping } = quantizationError(bins, grid, grid.type)
  return {
    kind: 'value',
    value,
    group,
    because,
    observer,
    type: grid.type,
    scale: grid.scale,
    zero: grid.zero,
    low,
    high,
    min: seen.min,
    max: seen.max,
    below,
    above,
    zeros: bins.zeros / bins.total,
    histogram: barsOf(seen),
    roundingDb: decibels(energy, rounding),
    clippingDb: decibels(energy, clipping),
    errorDb: decibels(energy, rounding + clipping),
    growth,
  }
}

/** Shares of all values outside [low, high]; values are spread evenly within their bins. */
function clippedShares({ from, to, count, total }: Bins, low: number, high: number): { below: number; above: number } {
  let [below, above] = [0, 0]
  for (let bin = 0; bin < count.length; bin++) {
    const [a, b, mass] = [from[bin] as number, to[bin] as number, count[bin] as number]
    if (b <= low) below += mass
    else if (a < low) below += (mass * (low - a)) / (b - a)
    if (a >= high) above += mass
    else if (b > high) above += (mass * (b - high)) / (b - a)
  }
  return { below: below / total, above: above / total }
}

/** The same counts in at most 96 bars over what was seen, without values that are exactly 0. */
export function barsOf({ min, max, exponent, counts, zeros }: ValueStatistics): Histogram {
  const half = counts.length / 2
  const unit = powerOfTwo(exponent)
  const first = Math.max(0, Math.floor(min / unit) + half)
  const last = Math.min(counts.length - 1, Math.floor(max / unit) + half)
  let joined = 1
  while (Math.floor(last / joined) - Math.floor(first / joined) + 1 > MOST_BARS) joined *= 2
  const start = Math.floor(first / joined)
  const bars = new Array<number>(Math.floor(last / joined) - start + 1).fill(0)
  for (let bin = first; bin <= last; bin++) {
    const bar = Math.floor(bin / joined) - start
    bars[bar] = (bars[bar] as number) + (counts[bin] as number) - (bin === half ? zeros : 0)
  }
  return { low: (start * joined - half) * unit, width: joined * unit, counts: bars }
}
