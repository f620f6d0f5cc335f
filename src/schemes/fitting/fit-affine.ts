import type { Effort } from '../../model/array-scheme.ts'
import { exactAffine } from './exact-affine.ts'
import { fastAffine } from './fast-affine.ts'
import { type BlockSummary, roundFinite, summarize } from './weighted-values.ts'

export interface AffineOptions {
  readonly effort: Effort
  /**
   * The number that the stored type holds for a scale: the nearest one, for `exact` to be exact. Never negative for a
   * positive.
   */
  readonly round: (scale: number) => number
}

/** value = scale * (code - zero) with a whole zero in 0 .. maxCode, so that 0 stays 0. Scale 0: all decode to 0. */
export interface Affine {
  scale: number
  zero: number
}

/** Up to so many breakpoints the exact search takes hardly longer than the grid. */
const CHEAP = 2048

/**
 * The stored scale and the zero that give a block the least sum of importance x squared error (`closed`: from the
 * extremes, 0 included). maxCode: 1 .. 65535. `fast` stays within 1 % of the least squared error up to 64 codes; with
 * 256 codes it is 5 to 25 % above in blocks of 32 to 128.
 */
export function fitAffine(
  values: Float32Array,
  importance: Float32Array | undefined,
  maxCode: number,
  options: AffineOptions,
): Affine {
  const block = summarize(values, importance)
  if (!(block.energy > 0)) return { scale: 0, zero: 0 }
  const closed = closedAffine(block, maxCode, options.round)
  if (options.effort === 'closed') return closed
  return options.effort === 'exact' || values.length * maxCode <= CHEAP
    ? exactAffine(values, block, maxCode, options.round, closed)
    : fastAffine(values, block, maxCode, options.round, closed)
}

/** Scale: range with 0 over maxCode, as stored; zero: where the minimum then becomes code 0, halves up. */
function closedAffine(block: BlockSummary, maxCode: number, round: (scale: number) => number): Affine {
  const scale = roundFinite((block.max - block.min) / maxCode, round)
  if (scale === 0) return { scale: 0, zero: 0 }
  return { scale, zero: Math.min(maxCode, Math.floor(-block.min / scale + 0.5)) }
}
