/**
 * ternary: -1, 0 or 1 under a scale, five codes a byte.
 *
 *   value = scale * (code - 1)      code in [0, 2]
 *   1.6 + bits of the scale / block per weight
 *
 * Ternary Weight Networks (Li, Liu 2016): the closed form; the exact search finds the least squares of all thresholds.
 */
import type { LevelTable } from '../../model/array-scheme.ts'

export const TERNARY: LevelTable = { levels: Float32Array.of(-1, 0, 1) }

/** Threshold, in parts of the mean magnitude, that is best for uniform values and near the best for Gaussian ones. */
const THRESHOLD = 0.7

/** Mean of the magnitudes above 0.7 times the mean magnitude; 0 for zeros. */
export function thresholdScale(values: Float32Array): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]!)
  const threshold = (THRESHOLD * sum) / values.length
  let kept = 0
  let count = 0
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!)
    if (magnitude > threshold) {
      kept += magnitude
      count++
    }
  }
  return count > 0 ? kept / count : 0
}
