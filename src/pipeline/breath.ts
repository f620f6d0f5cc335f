/** Between pauses; a signal or a click waits no longer than about this. */
const EVERY_MS = 50

/**
 * A function to await inside a long loop: a few times a second it lets timers, signals and messages through, else it costs a look at
 * the clock. Never changes what is computed.
 */
export function breather(): () => Promise<void> | undefined {
  let last = performance.now()
  return () => {
    if (performance.now() - last < EVERY_MS) return undefined
    return new Promise((resolve) =>
      setTimeout(() => {
        last = performance.now()
        resolve()
      }, 0),
    )
  }
}
