import { TersorError } from '../errors.ts'
import { roundHalfEven } from '../numbers/rounding.ts'

/** All that a compensation asks of a scheme: the nearest code, and what a code means. */
export interface Quantizer {
  /** Nearest code of a finite value; beyond the range the code at its end. */
  code(value: number): number
  /** The value a code stands for, as f32. */
  value(code: number): number
  /** Largest distance from any value inside the range to its nearest level. */
  readonly halfGap: number
}

/** Evenly spaced levels: value = scale * code + offset, code 0 .. maxCode. */
export interface Grid {
  readonly scale: number
  readonly offset: number
  readonly maxCode: number
}

/** The same grid said with an integer zero: value = scale * (code - zero). */
export const gridWithZero = (scale: number, zero: number, maxCode: number): Grid => ({
  scale,
  offset: -scale * zero,
  maxCode,
})

/** Ties go to the even code. A scale of 0 means that every code is the offset. Throws E_USAGE for what is no grid. */
export function gridQuantizer({ scale, offset, maxCode }: Grid): Quantizer {
  const sound = Number.isFinite(scale) && scale >= 0 && Number.isFinite(offset)
  if (!sound || !Number.isSafeInteger(maxCode) || maxCode < 1) {
    throw new TersorError(
      'E_USAGE',
      `expected a finite scale >= 0, a finite offset and a largest code >= 1, found ${scale}, ${offset}, ${maxCode}`,
    )
  }
  return {
    code(value) {
      if (scale === 0) return 0
      const code = roundHalfEven((value - offset) / scale)
      return code < 0 ? 0 : code > maxCode ? maxCode : code
    },
    value: (code) => Math.fround(scale * code + offset),
    halfGap: scale / 2,
  }
}

/** Any ascending levels, the code of a level being its index; ties go to the lower one. */
export function tableQuantizer(levels: Float32Array): Quantizer {
  let halfGap = 0
  for (let i = 1; i < levels.length; i += 1) {
    const gap = (levels[i] as number) - (levels[i - 1] as number)
    if (!(gap > 0)) throw new TersorError('E_USAGE', `expected ascending levels, found ${gap} after level ${i - 1}`)
    if (gap > 2 * halfGap) halfGap = gap / 2
  }
  return {
    code(value) {
      let low = 0
      let high = levels.length - 1
      while (low < high) {
        const middle = Math.floor((low + high) / 2)
        const midpoint = ((levels[middle] as number) + (levels[middle + 1] as number)) / 2
        if (value <= midpoint) high = middle
        else low = middle + 1
      }
      return low
    },
    value: (code) => levels[code] as number,
    halfGap,
  }
}
