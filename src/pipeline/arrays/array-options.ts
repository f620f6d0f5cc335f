import { TersorError } from '../../errors.ts'
import type { ArrayScheme, Effort } from '../../model/array-scheme.ts'
import { arrayScheme } from '../../schemes/arrays/index.ts'

/** Options of `quantize` for arrays; names as on the command line. */
export interface ArrayFileOptions {
  /** Scheme id or preset; default int8-row, for pictures int4-column-offset. */
  readonly to?: string | undefined
  /** Bits a value may take instead of a scheme: every family is tried on every array. */
  readonly budget?: number
  readonly effort?: 'fast' | 'default' | 'best'
  /** `products`: codes are moved so that products with vectors like the rows themselves stay right. */
  readonly solver?: string
  /** .npy of weights of squared errors: one per value or per index of the last dimension. */
  readonly importance?: string
  /** Measure what a search over the rows finds, against float. */
  readonly recall?: boolean
  /** A second, finer scheme that ranks what a search over the first one finds; stored beside it. */
  readonly rescore?: string
  /** Candidates for the second look, as a multiple of what is wanted; default 4. */
  readonly candidates?: number
  readonly force?: boolean
  readonly hashes?: boolean
}

/** What presets of models mean for an array. */
const PRESETS: ReadonlyMap<string, string> = new Map([
  ['auto', 'int8-row'],
  ['int8', 'int8-row'],
  ['int8-weights', 'int8-row'],
  ['int4-weights', 'int4-block32-asym-f16'],
  ['int2-weights', 'int2-block16-signed-f16'],
  ['fp16-weights', 'f16'],
  ['bf16-weights', 'bf16'],
])

const EFFORTS: Readonly<Record<string, Effort | undefined>> = { fast: 'closed', best: 'exact' }

/** Levels a step apart, the step among the parameters: not so for casts, which only round like it. */
export function hasSteps({ codec }: ArrayScheme): boolean {
  return codec.even === true && codec.parameters.some(({ name }) => name === 'scales')
}

export interface ArrayAsk {
  readonly scheme: ArrayScheme
  readonly budget: number | undefined
  readonly effort: Effort | undefined
  readonly products: boolean
  readonly rescore: ArrayScheme | undefined
  readonly candidates: number
}

/** Checks options. Throws E_USAGE for what contradicts itself, E_UNSUPPORTED for solvers that need a model. */
export function arrayAsk(options: ArrayFileOptions): ArrayAsk {
  const what = options.to ?? 'auto'
  const scheme = arrayScheme(PRESETS.get(what) ?? what)
  const products = options.solver === 'products'
  if (options.solver !== undefined && !products && options.solver !== 'nearest' && options.solver !== 'search') {
    throw new TersorError(
      'E_UNSUPPORTED',
      `the solver "${options.solver}" needs a model; arrays know nearest, search, products`,
    )
  }
  if (options.solver !== undefined && options.effort !== undefined && !products) {
    throw new TersorError('E_USAGE', '--solver and --effort contradict each other for arrays', {
      hint: 'nearest is --effort fast, search is --effort default',
    })
  }
  if (products && !hasSteps(scheme)) {
    throw new TersorError('E_USAGE', `--solver products needs evenly spaced levels; ${scheme.id} has none`, {
      where: '--solver',
      hint: 'int8-row, int4-row and their like have them',
    })
  }
  if ((options.rescore !== undefined || options.candidates !== undefined) && options.recall !== true) {
    throw new TersorError('E_USAGE', '--rescore and --candidates belong to --recall', { hint: 'add --recall' })
  }
  const candidates = options.candidates ?? 4
  if (!(Number.isInteger(candidates) && candidates >= 1 && candidates <= 1000)) {
    throw new TersorError('E_USAGE', `expected 1 to 1000 --candidates, found ${candidates}`)
  }
  if (options.budget !== undefined && (options.to !== undefined || products)) {
    throw new TersorError(
      'E_USAGE',
      `--budget chooses the scheme itself; it contradicts --${products ? 'solver products' : 'to'}`,
    )
  }
  return {
    scheme,
    budget: options.budget,
    effort: options.solver === 'nearest' ? 'closed' : EFFORTS[options.effort ?? 'default'],
    products,
    rescore: options.rescore === undefined ? undefined : arrayScheme(PRESETS.get(options.rescore) ?? options.rescore),
    candidates,
  }
}
