/**
 * e4m3fn, e5m2, e2m3, e3m2, e2m1 and their kin as level tables: small floats under a scale.
 *
 *   value = scale * float(code)      code: sign, exponent, fraction; infinity and NaN are not written
 *   8, 6 or 4 + bits of the scale / block per weight
 *
 * Formats as in src/numbers/float-layouts.ts; halves go to the even code, as in the casts.
 */
import type { LevelTable } from '../../model/array-scheme.ts'
import { type SmallFloat, smallFloatValues } from '../../numbers/small-floats.ts'

/** Small floats that hold zero and both signs. */
export type ScaledFloat = Exclude<SmallFloat, 'e8m0'>

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
