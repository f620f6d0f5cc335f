/**
 * apot3 .. apot7: sums of powers of two, denser in the middle than plain ones and still cheap to multiply.
 *
 *   value = +-scale * (a + b + c)      code: sign bit, then which c (apot6 and 7), which b (from apot4), lowest bits which a
 *   bits + bits of the scale / block per weight; 2^bits - 1 levels (negative zero is not written)
 *
 * Additive Powers-of-Two Quantization (Li, Dong, Wang 2020), base width 2; sets for odd widths as in the authors' code.
 */
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

/** Levels as they add up, the largest not scaled to 1: all are exact. Throws E_USAGE for bits other than 3 .. 7. */
export function additivePowersTable(bits: number): LevelTable {
  const sets = SETS[bits - 3]
  if (sets === undefined) throw new TersorError('E_USAGE', `expected 3 to 7 bits for additive powers, found ${bits}`)
  let sums: number[] = [0]
  for (const set of sets) sums = set.flatMap((term) => sums.map((sum) => sum + term))
  return mirrored(sums, 2 ** (bits - 1))
}
