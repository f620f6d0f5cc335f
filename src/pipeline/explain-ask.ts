import { TersorError } from '../errors.ts'
import type { CodeRounding } from '../model/array-scheme.ts'
import type { ExplanationSource } from '../model/explanation.ts'
import { didYouMean } from '../near-names.ts'
import { elementCountOf } from '../numbers/dtype.ts'
import { type LevelGrid, levels } from '../numbers/levels.ts'

export interface ExplainOptions {
  /** 2^bits levels, 1 to 16; default 8. */
  readonly bits?: number
  /** 2 to 65,536. With `bits` too it must be 2^bits. */
  readonly levels?: number
  /** Default half-even. */
  readonly rounding?: CodeRounding
  /** For stochastic rounding and for what is held out; default 0. */
  readonly seed?: number
  /** Ends of the levels; default: least and largest value. */
  readonly range?: { readonly min: number; readonly max: number }
  /** Dimensions of the values; default: one row. */
  readonly shape?: readonly number[]
  /** What the values are, for the report. */
  readonly source?: Pick<ExplanationSource, 'kind' | 'label'> & { readonly total?: number }
}

export interface ExplainAsk {
  readonly grid: LevelGrid
  readonly rounding: CodeRounding
  readonly seed: number
  readonly rangeGiven: boolean
  readonly source: ExplanationSource
}

const DEFAULT_BITS = 8
const MOST_BITS = 16
export const ROUNDINGS: readonly CodeRounding[] = ['half-even', 'half-away', 'floor', 'truncate', 'stochastic']

/** Everything checked and filled in. E_USAGE for options, E_NONFINITE with the index of the first value that is not finite. */
export function checkExplain(values: Float32Array, options: ExplainOptions): ExplainAsk {
  if (values.length === 0) {
    throw new TersorError('E_USAGE', 'expected at least one value, found none', {
      hint: 'for example --values 0.1,-0.7,2',
    })
  }
  const { rounding = 'half-even', seed = 0, range } = options
  if (!ROUNDINGS.includes(rounding)) {
    const hint = didYouMean(rounding, ROUNDINGS)
    throw new TersorError('E_USAGE', `expected rounding to be one of ${ROUNDINGS.join(', ')}, found "${rounding}"`, {
      ...(hint === undefined ? {} : { hint }),
    })
  }
  if (!(Number.isInteger(seed) && seed >= 0 && seed <= 0xffffffff)) {
    throw new TersorError('E_USAGE', `expected a seed from 0 to 4294967295, found ${seed}`)
  }
  const extent = extentOf(values)
  const count = levelCount(options)
  const shape = options.shape ?? [values.length]
  if (elementCountOf(shape) !== values.length) {
    throw new TersorError('E_USAGE', `expected a shape of ${values.length} values, found [${shape.join(', ')}]`)
  }
  return {
    // Stored as f32 in any case, so the levels start from what is stored.
    grid: levels({
      min: Math.fround(range?.min ?? extent.min),
      max: Math.fround(range?.max ?? extent.max),
      levels: count,
    }),
    rounding,
    seed,
    rangeGiven: range !== undefined,
    source: {
      kind: options.source?.kind ?? 'values',
      label: options.source?.label ?? 'values',
      count: values.length,
      total: options.source?.total ?? values.length,
      shape,
    },
  }
}

function levelCount({ bits, levels: count }: ExplainOptions): number {
  if (bits !== undefined && !(Number.isInteger(bits) && bits >= 1 && bits <= MOST_BITS)) {
    throw new TersorError('E_USAGE', `expected bits from 1 to ${MOST_BITS}, found ${bits}`)
  }
  if (count !== undefined && !(Number.isInteger(count) && count >= 2 && count <= 2 ** MOST_BITS)) {
    throw new TersorError('E_USAGE', `expected 2 to ${2 ** MOST_BITS} levels, found ${count}`)
  }
  if (bits !== undefined && count !== undefined && count !== 2 ** bits) {
    throw new TersorError('E_USAGE', `${bits} bits have ${2 ** bits} levels, found ${count}`, {
      hint: 'they say the same thing; give one of them',
    })
  }
  return count ?? 2 ** (bits ?? DEFAULT_BITS)
}

function extentOf(values: Float32Array): { min: number; max: number } {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (!Number.isFinite(value)) {
      throw new TersorError('E_NONFINITE', `value ${i} is ${value}; expected finite numbers within f32`, {
        where: `value ${i}`,
        hint: 'no step fits infinity, and NaN has no code: replace it first',
      })
    }
    if (value < min) min = value
    if (value > max) max = value
  }
  return { min, max }
}
