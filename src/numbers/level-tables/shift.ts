import { TersorError } from '../../errors.ts'
import type { LevelTable } from '../../model/array-scheme.ts'
import { powerOfTwo } from '../power-of-two.ts'
import { mirrored } from './mirrored.ts'

/** What it is: src/schemes/tables/shift.ts. `bits` 2 .. 6 with zero, 1 .. 6 without. Throws E_USAGE for others. */
export function shiftTable(bits: number, zero = true): LevelTable {
  if (!(Number.isInteger(bits) && bits >= (zero ? 2 : 1) && bits <= 6)) {
    throw new TersorError('E_USAGE', `expected ${zero ? 2 : 1} to 6 bits for shift codes, found ${bits}`)
  }
  const count = 2 ** (bits - 1)
  const powers = Array.from({ length: zero ? count - 1 : count }, (_, step, last = zero ? count - 2 : count - 1) =>
    powerOfTwo(step - last),
  )
  return mirrored(zero ? [0, ...powers] : powers, count)
}
