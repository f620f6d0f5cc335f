/**
 * Long work that stops now and then to be asked whether it shall go on. It keeps what it has in the memory of its kernels: whoever lets something else
 * happen between two steps gives it kernels of its own.
 */
export type Steps<T> = Generator<undefined, T, undefined>

/** All steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}
