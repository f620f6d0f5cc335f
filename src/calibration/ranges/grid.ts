import { TersorError } from '../../errors.ts'
import type { ValueRange } from '../../model/observer.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'
import { absmaxOf } from './distribution.ts'

/** Element types that activations are quantized to. */
export type GridType = 'u8' | 'i8' | 'u16' | 'i16'

export interface GridOptions {
  readonly type: GridType
  /** The zero point is the middle code: 0 for signed types, 128 or 32768 for the others. */
  readonly symmetric: boolean
  /** The zero point is a code, so 0 is always one of the values; a range that leaves it out is widened. */
  readonly includeZero?: true
}

/** value = scale * (code - zero); `scale` is an f32 above 0. */
export interface Grid {
  readonly scale: number
  readonly zero: number
}

/** Lowest and highest code of a type. */
export const CODES: Readonly<Record<GridType, { readonly low: number; readonly high: number }>> = {
  u8: { low: 0, high: 255 },
  i8: { low: -128, high: 127 },
  u16: { low: 0, high: 65535 },
  i16: { low: -32768, high: 32767 },
}

/** 2^-126, the least f32 whose reciprocal products stay normal. */
const LEAST_SCALE = 1.1754943508222875e-38

/**
 * Scale and zero point of a range, as QuantizeLinear and DequantizeLinear take them. A range of zeros alone has the scale 1.
 * E_USAGE for a range that is empty or not finite.
 */
export function gridOfRange(range: ValueRange, { type, symmetric }: GridOptions): Grid {
  if (!(Number.isFinite(range.min) && Number.isFinite(range.max) && range.min <= range.max)) {
    throw new TersorError('E_USAGE', `expected a finite range with min <= max, found ${range.min} to ${range.max}`)
  }
  const { low, high } = CODES[type]
  const middle = (low + high + 1) / 2
  if (symmetric) return { scale: scaleOf(absmaxOf(range), high - middle), zero: middle }
  const min = Math.min(range.min, 0)
  const max = Math.max(range.max, 0)
  const scale = scaleOf(max - min, high - low)
  const zero = low + roundHalfEven((0 - min) / scale)
  return { scale, zero: Math.min(Math.max(max > min ? zero : middle, low), high) }
}

/** Values of the lowest and the highest code. */
export function rangeOfGrid({ scale, zero }: Grid, type: GridType): ValueRange {
  const { low, high } = CODES[type]
  return { min: scale * (low - zero) + 0, max: scale * (high - zero) + 0 }
}

/** The range that gives this grid again: of a symmetric one, as far on either side as its shorter half reaches. */
export function coveredRange(grid: Grid, { type, symmetric }: GridOptions): ValueRange {
  if (!symmetric) return rangeOfGrid(grid, type)
  const max = grid.scale * (CODES[type].high - grid.zero)
  return { min: 0 - max, max }
}

function scaleOf(width: number, steps: number): number {
  if (width === 0) return 1
  return Math.max(Math.fround(width / steps), LEAST_SCALE)
}
