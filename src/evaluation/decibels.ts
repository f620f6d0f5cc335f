import { log2 } from '../numbers/log2.ts'

/** Reported for no error at all, and (negative) for error where there is no signal: JSON has no infinity. */
export const EXACT_DB = 999

const LOG10_2 = 0.30102999566398114

/** 10 log10(signal / noise), within +-EXACT_DB. */
export function decibels(signal: number, noise: number): number {
  if (noise === 0) return EXACT_DB
  if (signal === 0) return -EXACT_DB
  return 10 * LOG10_2 * (log2(signal) - log2(noise))
}
