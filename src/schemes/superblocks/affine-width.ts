import type { Effort } from '../../model/array-scheme.ts'

/** How wide each effort looks. */
export interface AffineWidth {
  /** Shares of the range cut off at each end, all pairs of them; half as much again where codes are few. */
  readonly shares: readonly number[]
  /** Codes left unused at the upper end: structured values may fall on such levels exactly. */
  readonly unused: readonly number[]
  readonly superScales: number
  readonly superMinimums: number
  readonly turns: number
  /** Sub-scales and minimums on each side of the winner's that are tried in all pairs. */
  readonly reach: number
}

export const AFFINE_WIDTHS: Readonly<Record<Effort, AffineWidth>> = {
  closed: { shares: [0], unused: [], superScales: 1, superMinimums: 1, turns: 0, reach: 0 },
  fast: {
    shares: [0, 0.02, 0.045, 0.08, 0.13],
    unused: [0.3, 0.6, 1],
    superScales: 3,
    superMinimums: 2,
    turns: 4,
    reach: 3,
  },
  exact: {
    shares: [0, 0.02, 0.04, 0.06, 0.09, 0.12, 0.16, 0.21],
    unused: [0.2, 0.4, 0.6, 0.8, 1],
    superScales: 8,
    superMinimums: 4,
    turns: 12,
    reach: 10,
  },
}

/** The narrowings of a run's range that its fit tries. */
export function narrowingsOf({ shares, unused }: AffineWidth, maxCode: number): (readonly [number, number])[] {
  const factor = maxCode < 8 ? 1.5 : 1
  const cut = shares.flatMap((below) => shares.map((above) => [factor * below, factor * above] as const))
  return [...cut, ...unused.map((codes) => [0, -codes / (maxCode - codes)] as const)]
}
