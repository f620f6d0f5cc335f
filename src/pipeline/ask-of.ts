import { TersorError } from '../errors.ts'
import { resolveTarget } from '../targets/index.ts'
import { type Ask, HALF_PRESETS } from './ask.ts'
import { forms } from './forms.ts'
import { parseRule } from './rules.ts'

/** Options of the line, by the names of the flags in camelCase; absent means the default. Node and browser alike. */
export interface QuantizeOptions {
  readonly to?: string
  readonly target?: string
  readonly rules?: readonly string[]
  readonly solver?: 'nearest' | 'search' | 'hqq' | 'gptq' | 'adaround'
  /** Prefer a form wherever it fits: matmul-nbits, dequantize, expand, ...; of int8-static: onnx/qdq (default), onnx/qoperator. */
  readonly lowering?: string
  readonly seed?: number
  readonly everything?: boolean
  readonly noVerify?: boolean
  /** Presets that compute in f16: types of inputs and outputs, as they are (default) or f16 too. */
  readonly io?: 'keep' | 'fp16'
}

const SOLVERS = ['nearest', 'search', 'hqq', 'gptq', 'adaround'] as const
/** How static integers are spelled; on codes or between pairs. */
const STATIC_FORMS = ['onnx/qdq', 'onnx/qoperator']

/** Checks and resolves what the user typed. Throws E_USAGE and E_UNSUPPORTED. */
export function askOf(options: QuantizeOptions): Ask {
  const { solver, lowering } = options
  if (solver !== undefined && !SOLVERS.includes(solver)) {
    throw new TersorError('E_USAGE', `unknown solver "${solver}"`, { hint: `known: ${SOLVERS.join(', ')}` })
  }
  const isStatic = options.to === 'int8-static'
  if (solver === 'adaround' && !isStatic) {
    throw new TersorError('E_USAGE', '--solver adaround learns from data: it belongs to --to int8-static', {
      where: '--solver',
    })
  }
  if ((solver === 'gptq' || solver === 'hqq') && isStatic) {
    throw new TersorError(
      'E_USAGE',
      `--solver ${solver} is for weight-only schemes; int8-static finds its codes on data anyway`,
      {
        where: '--solver',
      },
    )
  }
  if (lowering !== undefined) checkLowering(lowering, isStatic)
  const { io } = options
  if (io !== undefined && io !== 'keep' && io !== 'fp16')
    throw new TersorError('E_USAGE', `unknown types of inputs and outputs "${io}"`, {
      where: '--io',
      hint: 'known: keep, fp16',
    })
  if (io === 'fp16' && !HALF_PRESETS.has(options.to ?? 'auto')) {
    throw new TersorError('E_USAGE', '--io fp16 is for what computes in f16', {
      where: '--io',
      hint: `it belongs to --to ${[...HALF_PRESETS].join(', ')}`,
    })
  }
  return {
    to: options.to ?? 'auto',
    target: resolveTarget(options.target ?? 'ort'),
    rules: (options.rules ?? []).map(parseRule),
    solver: solver === 'nearest' || solver === 'search' ? solver : undefined,
    ...(solver === 'gptq' || solver === 'hqq' ? { fitting: solver } : {}),
    ...(solver === 'adaround' ? { learned: true } : {}),
    lowering: isStatic ? undefined : lowering,
    ...(lowering === 'onnx/qoperator' ? { qoperators: true } : {}),
    seed: options.seed ?? 0,
    everything: options.everything ?? false,
    measure: options.noVerify !== true,
  }
}

function checkLowering(lowering: string, isStatic: boolean): void {
  const known: readonly string[] = isStatic ? STATIC_FORMS : [...forms.keys()]
  if (known.includes(lowering)) return
  const where = '--lowering'
  const hint = `known: ${known.join(', ')}`
  if (isStatic && forms.has(lowering)) {
    throw new TersorError('E_USAGE', `--lowering ${lowering} and --to int8-static contradict each other`, {
      where,
      hint,
    })
  }
  if (STATIC_FORMS.includes(lowering)) {
    throw new TersorError('E_USAGE', `--lowering ${lowering} belongs to --to int8-static`, { where, hint })
  }
  throw new TersorError('E_USAGE', `unknown lowering "${lowering}"`, { where, hint })
}
