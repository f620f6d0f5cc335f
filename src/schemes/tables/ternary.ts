/**
 * ternary: -1, 0 or 1 under a scale, five codes a byte.
 *
 *   value = scale * (code - 1)      code in [0, 2]
 *   1.6 + bits of the scale / block per weight
 *
 * Ternary Weight Networks (Li, Liu 2016): the closed form; the exact search finds the least squares of all thresholds.
 */
import type { LevelTable } from '../../model/array-scheme.ts'
import { meanMagnitude } from '../../numbers/mean-magnitude.ts'

export const TERNARY: LevelTable = { levels: Float32Array.of(-1, 0, 1) }

/** Threshold, in parts of the mean magnitude, that is best for uniform values and near the best for Gaussian ones. */
const THRESHOLD = 0.7

/** Mean of the magnitudes above 0.7 times the mean magnitude; 0 for zeros. The kernels' `ScaleRule.MeanBeyond`, bit for bit. */
export function thresholdScale(values: Float32Array): number {
  const mean = meanMagnitude(values, 0, values.length)
  if (mean === Number.POSITIVE_INFINITY) return thresholdScale(values.map((x) => x / 16)) * 16
  return meanMagnitude(values, 0, values.length, Math.fround(THRESHOLD * mean))
}
