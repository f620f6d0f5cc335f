/**
 * A word shared between a thread and the one that started it, saying whether the thread is inside native code. Ending a thread
 * there ends the whole process: the addon comes back to an engine that is gone ("terminate called after throwing an instance
 * of 'Napi::Error'").
 */
export type NativeSection = Int32Array<SharedArrayBuffer>

const INSIDE = 1
const CLOSED = 2

export function nativeSection(): NativeSection {
  return new Int32Array(new SharedArrayBuffer(4))
}

/** For the thread: false when it must not go in any more. */
export function enter(section: NativeSection): boolean {
  return Atomics.compareExchange(section, 0, 0, INSIDE) === 0
}

/** For the thread: back in JavaScript. */
export function leave(section: NativeSection): void {
  Atomics.and(section, 0, ~INSIDE)
  Atomics.notify(section, 0)
}

/** For the starter: from now on nothing goes in; true when nothing is inside, so that the thread may be ended. */
export function close(section: NativeSection): boolean {
  return (Atomics.or(section, 0, CLOSED) & INSIDE) === 0
}

export function isInside(section: NativeSection): boolean {
  return (Atomics.load(section, 0) & INSIDE) !== 0
}

/** For the starter, at its own end: blocks until nothing is inside. */
export function waitUntilOutside(section: NativeSection): void {
  for (let word = Atomics.load(section, 0); (word & INSIDE) !== 0; word = Atomics.load(section, 0))
    Atomics.wait(section, 0, word)
}
