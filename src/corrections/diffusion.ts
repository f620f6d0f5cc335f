import { type Encoded, limited } from './feedback.ts'
import type { Quantizer } from './quantizer.ts'
import { checkParallel } from './residual.ts'

/**
 * Error diffusion in two dimensions: 7/16 of what rounding left over goes right, 3/16, 5/16 and 1/16 to the three values below.
 * Means over small patches come out right, single values do not. Shares that would leave the matrix are dropped.
 * Source: Floyd, Steinberg 1976, "An adaptive algorithm for spatial grayscale", Proc. SID 17/2.
 */
export function encodeWithDiffusion(values: Float32Array, rowLength: number, quantizer: Quantizer): Encoded {
  checkParallel(values.length, values.length, rowLength)
  const codes = new Uint16Array(values.length)
  const decoded = new Float32Array(values.length)
  // One place of margin at both sides saves asking where a row ends.
  let here = new Float64Array(rowLength + 2)
  let below = new Float64Array(rowLength + 2)
  for (let start = 0; start < values.length; start += rowLength) {
    for (let column = 0; column < rowLength; column += 1) {
      const wanted = (values[start + column] as number) + (here[column + 1] as number)
      const code = quantizer.code(wanted)
      const value = quantizer.value(code)
      codes[start + column] = code
      decoded[start + column] = value
      const share = limited(wanted - value, quantizer.halfGap) / 16
      here[column + 2] = (here[column + 2] as number) + 7 * share
      below[column] = (below[column] as number) + 3 * share
      below[column + 1] = (below[column + 1] as number) + 5 * share
      below[column + 2] = (below[column + 2] as number) + share
    }
    ;[here, below] = [below, here]
    below.fill(0)
  }
  return { codes, decoded }
}
