import { TersorError } from '../errors.ts'
import { now } from './clock.ts'

/** Between pauses; a signal or a click waits no longer than about this. */
const EVERY_MS = 50

/**
 * A function to await inside a long loop: a few times a second it lets timers, signals and messages through, else it costs a look at
 * the clock. Never changes what is computed.
 */
export function breather(): () => Promise<void> | undefined {
  let last = now()
  return () => {
    if (now() - last < EVERY_MS) return undefined
    return new Promise((resolve) =>
      setTimeout(() => {
        last = now()
        resolve()
      }, 0),
    )
  }
}

/** Long work in steps with breath between them. Throws E_ABORTED soon after the signal says so. */
export async function paced<T>(
  steps: Generator<undefined, T, undefined>,
  { signal }: { readonly signal?: AbortSignal },
): Promise<T> {
  const breathe = breather()
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
    const pause = breathe()
    if (pause === undefined) continue
    await pause
    if (signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user')
  }
}
