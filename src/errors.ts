/** The closed list of failures. Each maps to one exit code (command-line contract, section 6). */
export type ErrorCode =
  | 'E_USAGE'
  | 'E_FORMAT'
  | 'E_LIMIT'
  | 'E_NONFINITE'
  | 'E_UNSUPPORTED'
  | 'E_PLAN'
  | 'E_VERIFY'
  | 'E_RUNTIME'
  | 'E_OUTPUT'
  | 'E_ABORTED'
  | 'E_INTERNAL'

/** Exit code of the process for each error code. */
export const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  E_INTERNAL: 1,
  E_USAGE: 2,
  E_OUTPUT: 2,
  E_FORMAT: 3,
  E_LIMIT: 3,
  E_NONFINITE: 3,
  E_UNSUPPORTED: 4,
  E_PLAN: 4,
  E_VERIFY: 5,
  E_RUNTIME: 6,
  E_ABORTED: 130,
}

export interface ErrorDetails {
  /** Where: file, tensor, node, byte offset. */
  readonly where?: string
  /** What to do about it, as one sentence. */
  readonly hint?: string
  readonly cause?: unknown
}

/**
 * The one error class. The message says what was expected, what was found and where;
 * the hint says what to do.
 */
export class TersorError extends Error {
  readonly code: ErrorCode
  readonly where: string | undefined
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'TersorError'
    this.code = code
    this.where = details.where
    this.hint = details.hint
  }
}

/** A TersorError as plain data, as threads hand it to each other. */
export interface ErrorFacts {
  readonly code: ErrorCode
  readonly message: string
  readonly where?: string
  readonly hint?: string
}

/** Anything thrown as plain data. */
export function errorFacts(thrown: unknown): ErrorFacts {
  const { code, message, where, hint } = asTersorError(thrown)
  return { code, message, ...(where === undefined ? {} : { where }), ...(hint === undefined ? {} : { hint }) }
}

/** The error again. */
export function errorFrom({ code, message, ...details }: ErrorFacts): TersorError {
  return new TersorError(code, message, details)
}

/** Wraps anything thrown as a TersorError; what is not ours is `E_INTERNAL`. */
export function asTersorError(thrown: unknown): TersorError {
  if (thrown instanceof TersorError) return thrown
  if (thrown instanceof Error && thrown.name === 'AbortError') {
    return new TersorError('E_ABORTED', 'stopped by the user', { cause: thrown })
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new TersorError('E_INTERNAL', message, { cause: thrown })
}
