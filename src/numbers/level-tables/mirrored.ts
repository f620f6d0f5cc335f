import type { LevelTable } from '../../model/array-scheme.ts'

/**
 * Table of sign and magnitude: code = position in `magnitudes`, plus `signBit` for the negative ones. Magnitudes need not be
 * sorted; of two zeros the positive one counts.
 */
export function mirrored(magnitudes: readonly number[], signBit: number): LevelTable {
  const pairs = magnitudes.flatMap((level, code) =>
    level === 0
      ? [{ level, code }]
      : [
          { level, code },
          { level: -level, code: code + signBit },
        ],
  )
  pairs.sort((a, b) => a.level - b.level)
  return {
    levels: Float32Array.from(pairs, ({ level }) => level),
    codes: Uint16Array.from(pairs, ({ code }) => code),
  }
}
