import { TersorError } from '../errors.ts'
import { resolveTarget } from '../targets/index.ts'
import type { Ask } from './ask.ts'
import { forms } from './forms.ts'
import { parseRule } from './rules.ts'

/** Options of the line, by the names of the flags in camelCase; absent means the default. Node and browser alike. */
export interface QuantizeOptions {
  readonly to?: string
  readonly target?: string
  readonly rules?: readonly string[]
  readonly solver?: 'nearest' | 'search'
  /** Prefer a form wherever it fits: matmul-nbits, dequantize, expand, ... */
  readonly lowering?: string
  readonly seed?: number
  readonly everything?: boolean
  readonly noVerify?: boolean
}

const SOLVERS = ['nearest', 'search'] as const
const LATER_SOLVERS = ['hqq', 'gptq', 'adaround']

/** Checks and resolves what the user typed. Throws E_USAGE and E_UNSUPPORTED. */
export function askOf(options: QuantizeOptions): Ask {
  const { solver, lowering } = options
  if (solver !== undefined && !SOLVERS.includes(solver)) {
    if (LATER_SOLVERS.includes(solver))
      throw new TersorError('E_UNSUPPORTED', `solver "${solver}" is not built yet`, {
        hint: `use ${SOLVERS.join(' or ')}`,
      })
    throw new TersorError('E_USAGE', `unknown solver "${solver}"`, { hint: `known: ${SOLVERS.join(', ')}` })
  }
  if (lowering !== undefined && !forms.has(lowering)) {
    throw new TersorError('E_USAGE', `unknown lowering "${lowering}"`, {
      hint: `known: ${[...forms.keys()].join(', ')}`,
    })
  }
  return {
    to: options.to ?? 'auto',
    target: resolveTarget(options.target ?? 'ort'),
    rules: (options.rules ?? []).map(parseRule),
    solver,
    lowering,
    seed: options.seed ?? 0,
    everything: options.everything ?? false,
    measure: options.noVerify !== true,
  }
}
