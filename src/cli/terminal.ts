/** Where text goes. The process's own streams, or arrays in tests. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** The world of one run; nothing below reads `process`. */
export interface Terminal {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** Calls back on Ctrl-C and on a request to stop; returns how to stop listening. */
  onStop(stop: () => void): () => void
  /** Calls back when the process has nothing left to wait for although the run has not ended; returns how to stop listening. */
  onIdle(idle: () => void): () => void
  /** Milliseconds, monotonic. */
  now(): number
  /** Resident memory in bytes. */
  memory(): number
}

/** https://no-color.org and https://force-color.org: the flag wins, then the variables, then whether anyone looks. */
export function wantsColor(output: Output, env: Terminal['env'], noColor: boolean): boolean {
  if (noColor || (env.NO_COLOR !== undefined && env.NO_COLOR !== '')) return false
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '' && env.FORCE_COLOR !== '0') return true
  return output.isTTY === true && env.TERM !== 'dumb'
}
