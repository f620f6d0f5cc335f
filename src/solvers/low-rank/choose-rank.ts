import { powerBySquareRoots } from '../../numbers/power.ts'

/** How many components a correction may have: what pays, a number, or what fits a share of the bytes of the codes. */
export type RankAsk =
  | { readonly kind: 'pays' }
  | { readonly kind: 'rank'; readonly rank: number }
  | { readonly kind: 'share'; readonly share: number }

export interface RankCosts {
  /** Of the weight. */
  readonly elements: number
  /** Of the codes and all that belongs to them. */
  readonly weightBytes: number
  /** Of one component more. */
  readonly componentBytes: number
  /** Of nodes and names, whatever the rank. */
  readonly fixedBytes: number
}

/** Most bytes that what pays may take, of those of the codes. */
const MOST_SHARE = 0.25
/** Above that a product of thin matrices is no correction any more, and finding it takes as long as all else. */
export const MOST_RANK = 128

/** Components that are worth looking at. */
export function mostRank(ask: RankAsk, costs: RankCosts, channels: number, depth: number): number {
  const fits = (share: number): number =>
    Math.max(0, Math.floor((share * costs.weightBytes - costs.fixedBytes) / costs.componentBytes))
  const asked = ask.kind === 'rank' ? ask.rank : fits(ask.kind === 'share' ? ask.share : MOST_SHARE)
  return Math.min(asked, channels, depth, MOST_RANK)
}

/**
 * What the same bytes leave of the error when they buy bits: every bit halves steps, so that a quarter of the squared error is left. A correction pays where it
 * leaves less.
 */
export function leftByBits(bytes: number, { elements }: RankCosts): number {
  const bits = (8 * bytes) / elements
  const whole = Math.min(64, Math.floor(bits))
  return 1 / (4 ** whole * powerBySquareRoots(4, bits - Math.floor(bits)))
}

export function correctionBytes(rank: number, { componentBytes, fixedBytes }: RankCosts): number {
  return rank === 0 ? 0 : rank * componentBytes + fixedBytes
}

/** The rank that is ahead of more bits by most, by what each component takes of the energy; 0 where none is. */
export function payingRank(energies: Float64Array, energy: number, costs: RankCosts): number {
  let [best, least, left] = [0, 1, energy]
  for (const [index, one] of energies.entries()) {
    left -= one
    const against = left / energy / leftByBits(correctionBytes(index + 1, costs), costs)
    if (against < least) [best, least] = [index + 1, against]
  }
  return best
}
