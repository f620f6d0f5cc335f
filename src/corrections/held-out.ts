import { uniform } from '../numbers/rounding.ts'
import { decibelsOfRatio } from './residual.ts'

/** Share of values that no model sees while it is fitted. */
export const HELD_OUT_SHARE = 0.25

/** 1 where a value is held out. Depends on (seed, index) only, and on no period that rows might share. */
export function heldOutMask(count: number, seed = 0, share = HELD_OUT_SHARE): Uint8Array {
  const mask = new Uint8Array(count)
  for (let i = 0; i < count; i += 1) mask[i] = uniform(seed ^ 0x68656c64, i) < share ? 1 : 0
  return mask
}

/** What a model of the error is worth, on values it has not seen. */
export interface HeldOutGain {
  readonly heldOut: number
  /** Mean squared error without and with the model. */
  readonly before: number
  readonly after: number
  /** Positive: better. */
  readonly gainDb: number
  /** The gain that the model's bytes would bring if all codes became finer instead: 6.02 dB a bit a value. */
  readonly breakEvenDb: number
  /** The gain is above the break-even, and by more than two standard errors above chance. */
  readonly pays: boolean
}

const DB_A_BIT = 6.020599913279624

export function heldOutGain(
  values: Float32Array,
  decoded: Float32Array,
  corrected: Float32Array,
  mask: Uint8Array,
  byteLength: number,
): HeldOutGain {
  let [heldOut, before, after, spread] = [0, 0, 0, 0]
  for (let i = 0; i < values.length; i += 1) {
    if (mask[i] !== 1) continue
    const plain = (values[i] as number) - (decoded[i] as number)
    const rest = (values[i] as number) - (corrected[i] as number)
    heldOut += 1
    before += plain * plain
    after += rest * rest
    const won = plain * plain - rest * rest
    spread += won * won
  }
  const gainDb = before === after ? 0 : decibelsOfRatio(before / after)
  const breakEvenDb = values.length === 0 ? 0 : (DB_A_BIT * 8 * byteLength) / values.length
  const mean = (sum: number): number => (heldOut === 0 ? 0 : sum / heldOut)
  // Squares of both sides: mean > 2 sqrt(variance / heldOut).
  const won = mean(before - after)
  const beyondChance = won > 0 && won * won * heldOut > 4 * (mean(spread) - won * won)
  const pays = beyondChance && gainDb > breakEvenDb
  return { heldOut, before: mean(before), after: mean(after), gainDb, breakEvenDb, pays }
}
