import { TersorError } from '../../errors.ts'
import type { LevelTable } from '../../model/array-scheme.ts'
import { mirrored } from './mirrored.ts'

/** What may be added up, by bits of the magnitude: one number of each set. The first set has the lowest code bits. */
const SETS: readonly (readonly (readonly number[])[])[] = [
  [[0, 1 / 8, 1 / 4, 1 / 2]],
  [
    [0, 1 / 16, 1 / 4, 1 / 2],
    [0, 1 / 8],
  ],
  [
    [0, 1 / 32, 1 / 8, 1 / 2],
    [0, 1 / 64, 1 / 16, 1 / 4],
  ],
  [
    [0, 1 / 64, 1 / 8, 1 / 2],
    [0, 1 / 128, 1 / 16, 1 / 4],
    [0, 1 / 32],
  ],
  [
    [0, 1 / 128, 1 / 16, 1 / 2],
    [0, 1 / 256, 1 / 32, 1 / 4],
    [0, 1 / 512, 1 / 64, 1 / 8],
  ],
]

/** What it is: src/schemes/tables/additive-powers.ts. Levels as they add up, the largest not scaled to 1: all are exact. Throws E_USAGE for bits other than 3 .. 7. */
export function additivePowersTable(bits: number): LevelTable {
  const sets = SETS[bits - 3]
  if (sets === undefined) throw new TersorError('E_USAGE', `expected 3 to 7 bits for additive powers, found ${bits}`)
  let sums: number[] = [0]
  for (const set of sets) sums = set.flatMap((term) => sums.map((sum) => sum + term))
  return mirrored(sums, 2 ** (bits - 1))
}
