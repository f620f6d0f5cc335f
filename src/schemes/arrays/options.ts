import { TersorError } from '../../errors.ts'
import type { ArrayScheme, CodeRounding, Effort } from '../../model/array-scheme.ts'
import { elementCountOf, largestGroup } from './grouping.ts'

export interface ArrayOptions {
  /** Dimensions; default: one row of all values. */
  readonly shape?: readonly number[]
  /** How hard the encoder looks; default by scheme. */
  readonly effort?: Effort
  /**
   * Weights of squared errors: one per value, or one per index of the last dimension. Not negative, not all zero. The
   * closed forms do not look at them.
   */
  readonly importance?: ArrayLike<number>
  /** How values between two levels become codes; default half-even. Others: evenly spaced schemes only. */
  readonly rounding?: CodeRounding
  /** For stochastic rounding, an unsigned 32-bit integer; default 0. */
  readonly seed?: number
  /** The range that the closed form sees instead of the values' own; values outside take the last level. */
  readonly range?: { readonly min: number; readonly max: number }
  /**
   * Parameters given by name, as `QuantizedArray.parameters` has them but as numbers: one for all groups, or one for each.
   * `zeros` are unsigned like codes: PyTorch's zero point of qint8 plus 128.
   */
  readonly grid?: Readonly<Record<string, number | ArrayLike<number>>>
}

/** Options that are checked, with everything filled in. */
export interface CheckedOptions {
  readonly shape: readonly number[]
  readonly effort: Effort
  readonly importance: Float32Array | undefined
  readonly rounding: CodeRounding
  readonly seed: number
  readonly range: Float32Array | undefined
}

const ROUNDINGS: readonly CodeRounding[] = ['half-even', 'half-away', 'floor', 'truncate', 'stochastic']
/** Largest group that is searched exactly when nobody asks for it. */
const MOST_EXACT = 4096
const EFFORTS: readonly Effort[] = ['closed', 'fast', 'exact']

export function checkOptions(scheme: ArrayScheme, count: number, options: ArrayOptions): CheckedOptions {
  const shape = options.shape === undefined ? [count] : [...options.shape]
  if (shape.some((size) => !(Number.isInteger(size) && size >= 0)) || elementCountOf(shape) !== count) {
    throw new TersorError('E_USAGE', `expected a shape of ${count} values, found [${shape.join(', ')}]`)
  }
  const rounding = oneOf('rounding', options.rounding ?? 'half-even', ROUNDINGS)
  if (rounding !== 'half-even' && !scheme.codec.even) {
    throw new TersorError('E_USAGE', `rounding "${rounding}" needs evenly spaced levels; ${scheme.id} has none`)
  }
  const seed = options.seed ?? 0
  if (!(Number.isInteger(seed) && seed >= 0 && seed <= 0xffffffff)) {
    throw new TersorError('E_USAGE', `expected a seed from 0 to 4294967295, found ${seed}`)
  }
  return {
    shape,
    effort: oneOf('effort', options.effort ?? defaultEffort(scheme, shape), EFFORTS),
    importance: options.importance && importanceOf(options.importance, count, shape.at(-1) ?? 1),
    rounding,
    seed,
    range: options.range && rangeOf(options.range, scheme),
  }
}

/** The scheme's own, but no exact search over a group so large that it takes seconds and gains nothing that shows. */
function defaultEffort({ codec, grouping }: ArrayScheme, shape: readonly number[]): Effort {
  return codec.effort === 'exact' && largestGroup(shape, grouping) > MOST_EXACT ? 'fast' : codec.effort
}

function oneOf<T extends string>(name: string, found: T, known: readonly T[]): T {
  if (known.includes(found)) return found
  throw new TersorError('E_USAGE', `expected ${name} to be one of ${known.join(', ')}, found "${found}"`)
}

function rangeOf({ min, max }: { min: number; max: number }, scheme: ArrayScheme): Float32Array {
  const range = Float32Array.of(min, max)
  if (!(min <= max && range.every(Number.isFinite))) {
    throw new TersorError('E_USAGE', `expected a range with min <= max, found ${min} to ${max}`)
  }
  if (!scheme.codec.even || scheme.codec.parameters.length === 0) {
    throw new TersorError('E_USAGE', `${scheme.id} takes no range`)
  }
  return range
}

function importanceOf(weights: ArrayLike<number>, count: number, columns: number): Float32Array {
  if (weights.length !== count && weights.length !== columns) {
    throw new TersorError('E_USAGE', `expected ${count} or ${columns} importance weights, found ${weights.length}`)
  }
  const all = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    const weight = weights[weights.length === count ? i : i % columns] as number
    if (!(weight >= 0 && weight <= 1e30)) {
      throw new TersorError('E_USAGE', `expected importance weight ${i} from 0 to 1e30, found ${weight}`)
    }
    all[i] = weight
  }
  return all
}
