import type { LowRank } from '../../model/low-rank.ts'
import type { MatrixView } from '../../model/scheme.ts'
import { lowRankRows } from '../../solvers/low-rank/low-rank-rows.ts'
import { turned } from '../turned.ts'

/** The correction in the order of the file. */
export function lowRankValues(lowRank: LowRank, { along, channels, depth }: MatrixView): Float32Array {
  const rows = lowRankRows(lowRank)
  return along === 'row' ? rows : turned(rows, channels, depth, new Float32Array(rows.length))
}

/** Adds it to values in the order of the file. */
export function addLowRank(values: Float32Array, lowRank: LowRank, view: MatrixView): void {
  const added = lowRankValues(lowRank, view)
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + (added[i] as number)
}
