import { TersorError } from '../../errors.ts'
import type { CodecKernel, Effort, ParameterType } from '../../model/array-scheme.ts'

type Round = (value: number) => number
type Weights = Float32Array | undefined

/** How the grids of evenly spaced levels are found; passed in, so that a bundle may do without the searches. */
export interface IntegerFitting {
  readonly searches: boolean
  /** The default; absent: closed. */
  effort?(levels: number, kind: string, textbook: boolean): Effort
  /** The kernel that writes the closed form; undefined where none does. */
  kernel?(levels: number, kind: string, scale: ParameterType): CodecKernel | undefined
  affine(
    values: Float32Array,
    weights: Weights,
    maxCode: number,
    effort: Effort,
    round: Round,
  ): { scale: number; zero: number }
  offset(
    values: Float32Array,
    weights: Weights,
    maxCode: number,
    effort: Effort,
    round: Round,
  ): { scale: number; offset: number }
  /** Scale over levels -floor(count / 2) .. ; not asked for the closed form. */
  scale(values: Float32Array, weights: Weights, count: number, signed: boolean, effort: Effort, round: Round): number
}

/** The formulas alone: minimum and maximum. The same grids as the closed forms of the searches. */
export const CLOSED_FORMS: IntegerFitting = {
  searches: false,
  affine: (values, _, maxCode, __, round) => {
    const { least, largest } = extremes(values, 0)
    const scale = round((largest - least) / maxCode)
    return { scale, zero: scale === 0 ? 0 : Math.min(maxCode, Math.floor(-least / scale + 0.5)) }
  },
  offset: (values, _, maxCode, __, round) => {
    const { least, largest } = extremes(values, values[0] ?? 0)
    return { scale: round((largest - least) / maxCode), offset: round(least) }
  },
  scale: () => {
    throw new TersorError('E_UNSUPPORTED', 'these functions know closed forms only; those of "tersor" search')
  },
}

function extremes(values: Float32Array, start: number): { least: number; largest: number } {
  let least = start
  let largest = start
  for (const value of values) {
    if (value < least) least = value
    else if (value > largest) largest = value
  }
  return { least, largest }
}
