import { TersorError } from '../../errors.ts'
import type { TorchHistogram } from './torch-histogram.ts'

const f32 = Math.fround

/** Each old bin is spread as this many equal parts. */
const PARTS = 16

/**
 * Counts of `values` in equal bins (torch.histc); the last bin holds max. A range of one value is widened by 1 on both sides.
 * Throws E_LIMIT for a range whose bins f32 cannot number: above 3.4e38 / bins.
 */
export function histogramOf(values: ArrayLike<number>, min: number, max: number, bins: number): Float32Array {
  const [low, high] = min === max ? [f32(min - 1), f32(max + 1)] : [min, max]
  const width = f32(high - low)
  if (!Number.isFinite(f32(width * bins))) {
    throw new TersorError('E_LIMIT', `expected a range that f32 can cut into ${bins} bins, found ${min} to ${max}`)
  }
  const counts = new Float32Array(bins)
  for (let index = 0; index < values.length; index++) {
    const bin = Math.trunc(f32(f32(f32(values[index]! - low) * bins) / width))
    counts[Math.min(bin, bins - 1)]! += 1
  }
  return counts
}

/** The same counts over a wider range, with as many bins. */
export function stretchHistogram({ min, max, counts }: TorchHistogram, from: number, to: number): Float32Array {
  if (from === min && to === max) return counts
  const bins = counts.length
  if (min === max) {
    const total = counts.reduce((sum, count) => sum + count, 0)
    return histogramOf([min], from, to, bins).map((count) => count * total)
  }
  const edges = evenly(from, to, bins + 1)
  const parts = evenly(min, max, bins * PARTS + 1)
  const half = f32(0.5 * f32(f32(max - min) / (bins * PARTS)))
  const result = new Float32Array(bins)
  let bin = 0
  for (let part = 0; part < bins * PARTS; part++) {
    const middle = f32(parts[part]! + half)
    while (bin + 1 < bins && edges[bin + 1]! <= middle) bin++
    result[bin]! += f32(counts[(part - (part % PARTS)) / PARTS]! / PARTS)
  }
  return result
}

/** torch.linspace in f32: counted up from the start in the first half, down from the end in the second. */
function evenly(from: number, to: number, count: number): Float32Array {
  const step = f32(f32(to - from) / (count - 1))
  const half = (count - (count % 2)) / 2
  return Float32Array.from({ length: count }, (_, index) =>
    index < half ? from + f32(step * index) : to - f32(step * (count - index - 1)),
  )
}
