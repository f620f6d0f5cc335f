import type { ValueRange } from '../../model/observer.ts'
import { movingAverage } from '../observers/moving-average.ts'

/**
 * Exponential moving average of the ranges of the samples, `[min, max, min, max, ...]` in sample order, in f32 steps
 * (`movingAverage`). `weight` of each new sample; default 0.01.
 */
export function movingRange(samples: Float32Array, weight?: number): ValueRange {
  const ranges: ValueRange[] = []
  for (let at = 0; at < samples.length; at += 2) {
    // A sample of no values has no range.
    if (samples[at]! <= samples[at + 1]!) ranges.push({ min: samples[at]!, max: samples[at + 1]! })
  }
  return movingAverage(ranges, weight)
}
