import { TersorError } from '../../errors.ts'
import type { Observer, ValueRange } from '../../model/observer.ts'
import { extremesOf, NO_RANGE } from './extremes.ts'

/**
 * The range of each batch, in batch order. The average is taken at the end (`movingAverage`): an average already taken
 * could not be merged without other bits.
 */
export const batchRangesObserver: Observer<readonly ValueRange[]> = {
  kind: 'batch-ranges',
  empty: () => [],
  observe: (state, batch) => (batch.length === 0 ? state : [...state, extremesOf(batch)]),
  merge: (earlier, later) => [...earlier, ...later],
}

const f32 = Math.fround

/**
 * Exponential moving average of the batches' ranges: PyTorch's MovingAverageMinMaxObserver, in its f32 steps. The first
 * batch counts as it is. `weight` (0 to 1) is that of each new batch; PyTorch's default is 0.01, ONNX Runtime's too.
 */
export function movingAverage(ranges: readonly ValueRange[], weight = 0.01): ValueRange {
  if (!(weight >= 0 && weight <= 1)) throw new TersorError('E_USAGE', `expected a weight from 0 to 1, found ${weight}`)
  const [first, ...rest] = ranges
  let { min, max } = first ?? NO_RANGE
  for (const range of rest) {
    min = f32(min + f32(f32(weight) * f32(range.min - min)))
    max = f32(max + f32(f32(weight) * f32(range.max - max)))
  }
  return { min, max }
}
