interface Clock {
  hrtime?(): [seconds: number, nanoseconds: number]
}

const { process } = globalThis as { process?: Clock }

/** Milliseconds, never going back. Node reads `performance` from a module of its own when it is first touched, for a millisecond. */
export function now(): number {
  const time = process?.hrtime?.()
  return time === undefined ? performance.now() : time[0] * 1000 + time[1] / 1e6
}
