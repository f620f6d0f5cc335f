/**
 * binary: one bit a value, its sign; the scale is what the values of the group measure on average.
 *
 *   value = scale * (2 * code - 1)      code 1 for values above 0, else 0
 *   1 + bits of the scale / block per weight; no zero
 *
 * XNOR-Net (Rastegari et al. 2016): scale = mean |x|, by importance where given, has the least squared error of all.
 */
import type { LevelTable } from '../../model/array-scheme.ts'
import { meanMagnitude as plainMean } from '../../numbers/mean-magnitude.ts'

export const BINARY: LevelTable = { levels: Float32Array.of(-1, 1) }

/** Mean magnitude, weighted; 0 for no values. All weights 0 count as equal ones. Unweighted: the kernels' `ScaleRule.Mean`, bit for bit. */
export function meanMagnitude(values: Float32Array, importance?: Float32Array): number {
  if (importance === undefined) {
    const mean = plainMean(values, 0, values.length)
    return mean === Number.POSITIVE_INFINITY ? meanMagnitude(values.map((x) => x / 16)) * 16 : mean
  }
  let sum = 0
  let total = 0
  for (let i = 0; i < values.length; i++) {
    sum += importance[i]! * Math.abs(values[i]!)
    total += importance[i]!
  }
  return total > 0 ? sum / total : meanMagnitude(values)
}
