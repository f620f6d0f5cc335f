import type { LevelTable } from '../../model/array-scheme.ts'
import { type SmallFloat, smallFloatValues } from '../small-floats.ts'

/** Small floats that hold zero and both signs. */
export type ScaledFloat = Exclude<SmallFloat, 'e8m0'>

/** Finite values of a small float, ascending, with their codes. */
export function floatTable(dtype: ScaledFloat): LevelTable {
  const pairs = [...smallFloatValues(dtype)]
    .map((level, code) => ({ level, code }))
    .filter(({ level }) => Number.isFinite(level) && !Object.is(level, -0))
    .sort((a, b) => a.level - b.level)
  return {
    levels: Float32Array.from(pairs, ({ level }) => level),
    codes: Uint16Array.from(pairs, ({ code }) => code),
  }
}
