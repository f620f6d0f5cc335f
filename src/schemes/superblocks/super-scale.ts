import { roundToF16 } from '../../numbers/f16.ts'

const LEAST = 2 ** -24
const MOST = 65504

/** The nearest f16 that can be a super scale: finite, and not 0 unless the argument is (sub-scales can still be 0). */
export function roundSuperScale(value: number): number {
  const magnitude = Math.abs(value)
  if (!(magnitude > 0)) return 0
  const rounded = magnitude < LEAST ? LEAST : magnitude > MOST ? MOST : roundToF16(magnitude)
  return value < 0 ? -rounded : rounded
}
