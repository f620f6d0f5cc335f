import { nearestLevel } from './nearest-level.ts'
import type { PreparedTable } from './prepared-table.ts'

/** Sums over a block for one scale: error = energy - 2 scale cross + scale^2 square. */
export interface TableSums {
  /** Sum of w x level. */
  cross: number
  /** Sum of w level^2. */
  square: number
}

/** Every value at its nearest level for `scale`, which is not 0. */
export function sumLevels(
  values: Float32Array,
  weights: Float32Array | undefined,
  table: PreparedTable,
  scale: number,
  out: TableSums,
): void {
  const { levels, thresholds, step } = table
  const inverse = 1 / scale
  const widest = thresholds.length >>> 1
  let cross = 0
  let square = 0
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!
    const t = x * inverse
    let index = 0
    if (step !== 0) index = nearestLevel(table, t)
    else for (let half = widest; half > 0; half >>>= 1) if (t > thresholds[index + half - 1]!) index += half
    const level = levels[index]!
    const weighted = weights === undefined ? level : weights[i]! * level
    cross += weighted * x
    square += weighted * level
  }
  out.cross = cross
  out.square = square
}

/** How much a scale takes off the error of decoding all to 0, for the levels that the sums stand for. */
export function gainOf(sums: TableSums, scale: number): number {
  return scale * (2 * sums.cross - scale * sums.square)
}
