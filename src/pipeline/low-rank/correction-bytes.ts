import type { LowRank } from '../../model/low-rank.ts'

/** Nodes (two Casts, Mul, two MatMuls, Add) with their names, and the frames of three tensors; measured on real files. */
export const FIXED_BYTES = 390

/** What is added to the bytes of a decision. */
export function lowRankBytes({ rank, bits, channels, depth }: LowRank): number {
  return componentBytes(channels, depth, bits) * rank + FIXED_BYTES
}

/** Of one component more. */
export function componentBytes(channels: number, depth: number, bits: 4 | 8): number {
  return ((channels + depth) * bits) / 8 + 4
}
