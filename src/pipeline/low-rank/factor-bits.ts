import type { Inventory } from '../../model/inventory.ts'
import type { RankAsk } from '../../solvers/low-rank/index.ts'
import type { Ask } from '../ask.ts'
import type { WeightWork } from '../plan.ts'
import type { LowRankOptions } from './corrected-rows.ts'

/** Cast takes 4-bit codes from here on. */
const FOUR_BITS = 21

/** What the graph has types for: codes of both factors take 4 bits where it can read them, else 8. */
export function lowRankOptions(ask: RankAsk, { opset }: Inventory): LowRankOptions {
  return { ask, bits: opset >= FOUR_BITS ? 4 : 8 }
}

/** The opset that codes of 4 bits need; 0 where nothing is corrected or the target stops before it. */
export function lowRankOpset({ lowRank, target, maxOpset }: Ask, work: readonly WeightWork[]): number {
  if (lowRank === undefined || FOUR_BITS > Math.min(target.maxOpset, maxOpset ?? Infinity)) return 0
  return work.some(({ spec }) => spec.family === 'integer') ? FOUR_BITS : 0
}
