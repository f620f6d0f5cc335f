import type { Quantizer } from './quantizer.ts'
import { checkParallel } from './residual.ts'

export interface Encoded {
  readonly codes: Uint16Array
  readonly decoded: Float32Array
}

/** Every value by itself: what compensation is compared with. */
export function encodeNearest(values: Float32Array, quantizer: Quantizer): Encoded {
  const codes = new Uint16Array(values.length)
  const decoded = new Float32Array(values.length)
  for (let i = 0; i < values.length; i += 1) {
    const code = quantizer.code(values[i] as number)
    codes[i] = code
    decoded[i] = quantizer.value(code)
  }
  return { codes, decoded }
}

/**
 * First-order error feedback along each row: what rounding left over is added to the next value before it is rounded, so the
 * sum of errors over any run stays within one gap between levels, however long the run. Single errors grow, to at most one gap
 * (their mean square doubles): it is for values that are summed or smoothed, not for values that are read one by one.
 * Source: Inose, Yasuda 1963, "A unity bit coding method by negative feedback" (delta-sigma modulation).
 */
export function encodeWithFeedback(values: Float32Array, rowLength: number, quantizer: Quantizer): Encoded {
  checkParallel(values.length, values.length, rowLength)
  const codes = new Uint16Array(values.length)
  const decoded = new Float32Array(values.length)
  let carried = 0
  for (let i = 0; i < values.length; i += 1) {
    if (i % rowLength === 0) carried = 0
    const wanted = (values[i] as number) + carried
    const code = quantizer.code(wanted)
    const value = quantizer.value(code)
    codes[i] = code
    decoded[i] = value
    carried = limited(wanted - value, quantizer.halfGap)
  }
  return { codes, decoded }
}

/** Inside the range nothing is cut; a clipped value must not shift all that follow it. */
export const limited = (carried: number, halfGap: number): number =>
  carried > halfGap ? halfGap : carried < -halfGap ? -halfGap : carried
