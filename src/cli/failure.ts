import { asTersorError, EXIT_CODES, TersorError } from '../errors.ts'
import { printable } from '../report/printable.ts'

const REPORT_A_BUG =
  'this is a bug of tersor; run it again with -v and send the text with `tersor inspect MODEL --json`, which holds names and shapes but no weights'

/** What the operating system says, in our codes; the path is in its message. */
const SYSTEM_CODES = new Map<string, 'E_FORMAT' | 'E_OUTPUT'>([
  ['ENOENT', 'E_FORMAT'],
  ['EISDIR', 'E_FORMAT'],
  ['ENOTDIR', 'E_FORMAT'],
  ['ELOOP', 'E_FORMAT'],
  ['ENAMETOOLONG', 'E_FORMAT'],
  ['EACCES', 'E_OUTPUT'],
  ['EPERM', 'E_OUTPUT'],
  ['EROFS', 'E_OUTPUT'],
  ['ENOSPC', 'E_OUTPUT'],
  ['EDQUOT', 'E_OUTPUT'],
  ['EFBIG', 'E_OUTPUT'],
])

/** Anything thrown as a TersorError; after a stop, whatever broke is the stop. */
export function asFailure(thrown: unknown, stopped: boolean): TersorError {
  if (stopped && !(thrown instanceof TersorError && thrown.code === 'E_ABORTED')) {
    return new TersorError('E_ABORTED', 'stopped by the user', { cause: thrown })
  }
  const system = (thrown as { code?: unknown } | null)?.code
  const code = thrown instanceof TersorError || typeof system !== 'string' ? undefined : SYSTEM_CODES.get(system)
  if (code !== undefined) return new TersorError(code, (thrown as Error).message, { cause: thrown })
  return asTersorError(thrown)
}

export const exitCodeOf = (error: TersorError): number => EXIT_CODES[error.code]

/** `error[E_CODE] message`, then where and hint on lines of their own. */
export function failureText(error: TersorError, verbose: boolean): string {
  const hint = hintOf(error)
  const lines = [`error[${error.code}] ${printable(error.message, 2000)}`]
  if (error.where !== undefined) lines.push(`  where ${printable(error.where, 1000)}`)
  if (hint !== undefined) lines.push(`  hint  ${printable(hint, 1000)}`)
  if (verbose && error.code === 'E_INTERNAL') {
    const stack = (error.cause instanceof Error ? error.cause : error).stack ?? ''
    for (const line of stack.split('\n').slice(1)) lines.push(`  ${printable(line.trim(), 400)}`)
  }
  return `${lines.join('\n')}\n`
}

/** The JSON object of a failure. */
export const failureJson = (error: TersorError) => ({
  error: { code: error.code, message: error.message, where: error.where ?? null, hint: hintOf(error) ?? null },
})

const hintOf = (error: TersorError): string | undefined =>
  error.hint ?? (error.code === 'E_INTERNAL' ? REPORT_A_BUG : undefined)
