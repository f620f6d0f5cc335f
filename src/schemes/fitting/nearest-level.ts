import type { PreparedTable } from './prepared-table.ts'

const { fround } = Math

/** Normal f32 numbers whose inverse is a normal f32 too. */
const LEAST_INVERTIBLE = 1.1754943508222875e-38
const MOST_INVERTIBLE = 8.507059173023462e37

/** Index of the level nearest `t`; halves as the table was prepared (to the lower level, unless asked otherwise). */
export function nearestLevel(table: PreparedTable, t: number): number {
  const { thresholds, levels, step } = table
  if (step !== 0) return nearestEven(levels, thresholds, step, t)
  let index = 0
  for (let half = thresholds.length >>> 1; half > 0; half >>>= 1) if (t > thresholds[index + half - 1]!) index += half
  return index
}

/** A guess by division, put right by the thresholds: the answer is the search's. */
function nearestEven(levels: Float32Array, thresholds: Float64Array, step: number, t: number): number {
  const guess = (t - levels[0]!) / step + 0.5
  const last = levels.length - 1
  let index = guess >= last ? last : guess > 0 ? Math.trunc(guess) : 0
  if (index > 0 && !(t > thresholds[index - 1]!)) index--
  else if (index < last && t > thresholds[index]!) index++
  return index
}

/**
 * The value in units of the scale, as every encoder here compares it with the levels: fround(x * fround(1 / scale));
 * where that inverse is not a normal f32, fround(x / scale). Scale 0 gives 0.
 */
export function scaledValue(x: number, scale: number): number {
  if (scale === 0) return 0
  const magnitude = Math.abs(scale)
  return magnitude >= LEAST_INVERTIBLE && magnitude <= MOST_INVERTIBLE
    ? fround(x * fround(1 / scale))
    : fround(x / scale)
}

/** Codes of the nearest levels. Scale 0: the code of the level nearest 0, everywhere. */
export function encodeNearest(values: Float32Array, scale: number, table: PreparedTable, codes: Uint16Array): void {
  const { codes: named, levels, thresholds, step } = table
  const count = values.length
  if (scale === 0) {
    codes.fill(named[table.zeroIndex]!, 0, count)
    return
  }
  const magnitude = Math.abs(scale)
  if (magnitude < LEAST_INVERTIBLE || magnitude > MOST_INVERTIBLE) {
    for (let i = 0; i < count; i++) codes[i] = named[nearestLevel(table, scaledValue(values[i]!, scale))]!
    return
  }
  const inverse = fround(1 / scale)
  if (step !== 0) {
    for (let i = 0; i < count; i++) {
      codes[i] = named[nearestEven(levels, thresholds, step, fround(values[i]! * inverse))]!
    }
    return
  }
  const widest = thresholds.length >>> 1
  for (let i = 0; i < count; i++) {
    const t = fround(values[i]! * inverse)
    let index = 0
    for (let half = widest; half > 0; half >>>= 1) if (t > thresholds[index + half - 1]!) index += half
    codes[i] = named[index]!
  }
}
