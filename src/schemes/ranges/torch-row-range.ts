/**
 * `torch.choose_qparams_optimized`: the range of one row of an embedding table, greedily shrunk from both ends.
 *
 *   value = scale * code + min      min and scale in f16, code in 0 .. 2^bits - 1
 *
 * Each step moves the end whose move leaves the smaller error; the range at the last local minimum of the error before the
 * range is down to 1 - ratio of its bins is taken. FBGEMM's embedding quantizers; Guan et al. 2019, "greedy search". f32.
 */
import { TersorError } from '../../errors.ts'
import { roundToF16 } from '../../numbers/f16.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'
import { requireFinite } from './finite.ts'

export interface TorchRowOptions {
  /** 1 to 8; default 4. */
  readonly bits?: number
  /** Steps that the whole range is cut into; default 200. */
  readonly bins?: number
  /** Share of the range that may be cut off; default 0.16. */
  readonly ratio?: number
}

const f32 = Math.fround

/** Throws E_NONFINITE with the index of a value; E_USAGE for an empty row and options that make no sense. */
export function torchRowRange(row: Float32Array, options: TorchRowOptions = {}): { min: number; max: number } {
  requireFinite(row)
  const { bits = 4, bins = 200, ratio = 0.16 } = options
  if (row.length === 0) throw new TersorError('E_USAGE', 'expected a row of at least one value, found none')
  if (!(bits >= 1 && bits <= 8 && bins >= 1 && ratio >= 0 && ratio <= 1)) {
    throw new TersorError(
      'E_USAGE',
      `expected 1 to 8 bits, bins from 1 and a ratio to 1, found ${bits}, ${bins}, ${ratio}`,
    )
  }
  let [min, max] = [row[0]!, row[0]!]
  for (const value of row) {
    if (value < min) min = value
    if (value > max) max = value
  }
  const step = f32(f32(max - min) / f32(bins))
  const least = f32(f32(Math.trunc(bins * (1 - f32(ratio)))) * step)
  let [from, to] = [min, max]
  let error = rowError(row, from, to, bits)
  let best = error
  while (f32(from + least) < to) {
    const raised = rowError(row, f32(from + step), to, bits)
    const lowered = rowError(row, from, f32(to - step), bits)
    if (error < raised && error < lowered && error < best) {
      best = error
      min = from
      max = to
    }
    if (raised < lowered) {
      from = f32(from + step)
      error = raised
    } else {
      to = f32(to - step)
      error = lowered
    }
  }
  return { min, max }
}

function rowError(row: Float32Array, from: number, to: number, bits: number): number {
  const min = roundToF16(from)
  const high = 2 ** bits - 1
  const range = f32(to - min)
  const scale = range === 0 ? 1 : roundToF16(f32(range / high))
  const inverse = scale === 0 ? 1 : f32(1 / scale)
  let sum = 0
  for (const value of row) {
    const code = Math.min(Math.max(roundHalfEven(f32(f32(value - min) * inverse)), 0), high)
    const error = f32(value - f32(f32(code * scale) + min))
    sum = f32(sum + f32(error * error))
  }
  return f32(Math.sqrt(sum))
}
