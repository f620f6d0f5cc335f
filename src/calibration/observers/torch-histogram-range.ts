import { TersorError } from '../../errors.ts'
import type { ValueRange } from '../../model/observer.ts'
import type { TorchHistogram } from './torch-histogram.ts'

const f32 = Math.fround

/** Share of the values cut off in each step of the search. */
const STEP = 1e-5

/**
 * The range that HistogramObserver quantizes to: both ends move inwards, the one with fewer values in its way first, as long
 * as the squared error estimated from the histogram falls. `levels` are the codes it estimates for (256 in PyTorch, for
 * reduced and symmetric ranges too). A local search: it stops at the first step that does not pay.
 */
export function torchHistogramRange(histogram: TorchHistogram, levels = 256): ValueRange {
  const { min, max, counts } = histogram
  const bins = counts.length
  if (bins === 0) throw new TersorError('E_USAGE', 'expected a histogram of at least one value, found an empty one')
  const cumulative = new Float32Array(bins)
  let total = 0
  for (let bin = 0; bin < bins; bin++) {
    total += counts[bin]!
    cumulative[bin] = total
  }
  total = f32(total)
  let [alpha, beta, start, end, least] = [0, 1, 0, bins - 1, Number.POSITIVE_INFINITY]
  while (alpha < beta) {
    const [nextAlpha, nextBeta] = [alpha + STEP, beta - STEP]
    let left = start
    let right = end
    while (left < end && cumulative[left]! < f32(nextAlpha * total)) left++
    while (right > start && cumulative[right]! > f32(nextBeta * total)) right--
    let [nextStart, nextEnd] = [start, end]
    if (left - start > end - right) {
      nextStart = left
      alpha = nextAlpha
    } else {
      nextEnd = right
      beta = nextBeta
    }
    if (nextStart === start && nextEnd === end) continue
    const error = estimatedError(histogram, nextStart, nextEnd, levels)
    if (error > least) break
    least = error
    start = nextStart
    end = nextEnd
  }
  const width = f32(f32(max - min) / bins)
  return { min: f32(min + f32(width * start)), max: f32(min + f32(width * (end + 1))) }
}

/** Squared error of values spread evenly in their bins, quantized to the range of bins start..end. */
function estimatedError({ min, max, counts }: TorchHistogram, start: number, end: number, levels: number): number {
  const width = (max - min) / counts.length
  const step = (width * (end - start + 1)) / levels
  if (step === 0) return 0
  const [bin, half, level] = [f32(width), f32(step / 2), f32(step)]
  const inside = cubes(f32(-step / 2), half)
  let sum = 0
  for (let index = 0; index < counts.length; index++) {
    const from = f32((index - start) * bin)
    const to = f32(from + bin)
    const first = levelOf(from, level, levels)
    const last = levelOf(to, level, levels)
    const density = f32(counts[index]! / bin)
    const fromCentre = f32(from - f32(f32(first + 0.5) * level))
    const toCentre = f32(to - f32(f32(last * level) + half))
    let error = f32(density * cubes(fromCentre, half))
    error = f32(error + f32(f32(last - first - 1) * f32(density * inside)))
    error = f32(error + f32(density * cubes(f32(-step / 2), toCentre)))
    sum += error
  }
  return sum
}

function levelOf(place: number, level: number, levels: number): number {
  // Floor of a quotient that is not rounded first, as torch.div does it.
  const rest = place % level
  let quotient = f32(f32(place - rest) / level)
  if (rest !== 0 && rest < 0) quotient = f32(quotient - 1)
  let floored = Math.floor(quotient)
  if (f32(quotient - floored) > 0.5) floored += 1
  return Math.min(Math.max(floored, 0), levels - 1)
}

/** Integral of x squared from `begin` to `end`. */
function cubes(begin: number, end: number): number {
  return f32(f32(f32(f32(end * end) * end) - f32(f32(begin * begin) * begin)) / 3)
}
