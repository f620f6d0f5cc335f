import type { DecoderWay } from '../../calibration/text/try-decoder.ts'

/** Multiplications that writing texts may take: some minutes of one core. */
const BUDGET = 2e12
/** For estimates: multiplications a second of one core, everything around them included. */
const SPEED = 1e10
/** Texts and tokens of each to try, the most first. */
const LADDER: readonly (readonly [number, number])[] = [
  [256, 128],
  [128, 128],
  [64, 128],
  [32, 128],
  [32, 64],
  [16, 64],
  [16, 32],
]

/**
 * How many texts of how many tokens, for a model of so many weights; null where the least take too long. `fixed`: every run reads so many tokens. `asked`: so many
 * texts, shorter ones where that takes too long.
 */
export function textsWithin(
  { length: most, cached }: Pick<DecoderWay, 'length' | 'cached'>,
  weights: number,
  fixed: number | undefined,
  asked?: number,
): { readonly count: number; readonly length: number; readonly seconds: number } | null {
  for (const [texts, tokens] of LADDER) {
    const count = asked ?? texts
    const length = Math.min(most, fixed ?? tokens)
    const read = cached ? length : fixed === undefined ? (length * (length - 1)) / 2 : length * length
    const cost = count * read * weights
    if (cost <= BUDGET) return { count, length, seconds: Math.ceil(cost / SPEED) }
  }
  return null
}
