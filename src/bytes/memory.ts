import { TersorError } from '../errors.ts'
import { checkAborted, checkRange } from './range.ts'
import type { ByteSink, ByteSource } from './types.ts'

/** Bytes that are already here. `read` gives views, not copies. */
export function memorySource(bytes: Uint8Array | ArrayBuffer, label = 'memory'): ByteSource {
  // A plain view also where Node's Buffer is given: `slice` of that is no copy, and callers count on one.
  const all =
    bytes instanceof Uint8Array
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new Uint8Array(bytes)
  return {
    label,
    byteLength: all.byteLength,
    async read(start, end, signal) {
      checkAborted(signal)
      checkRange(label, all.byteLength, start, end)
      return all.subarray(start, end)
    },
    readInto(target, start) {
      checkRange(label, all.byteLength, start, start + target.byteLength)
      target.set(all.subarray(start, start + target.byteLength))
    },
  }
}

export interface MemorySink extends ByteSink {
  /** What was written, as one array. Only after `commit`. */
  bytes(): Uint8Array
}

const MIN_CAPACITY = 4096

/** Collects into one growing array. With `byteLength` known it is allocated once. */
export function memorySink(label = 'memory', byteLength = 0): MemorySink {
  let store = new Uint8Array(Math.max(byteLength, MIN_CAPACITY))
  let appended = 0
  let used = 0
  let committed = false
  const reach = (length: number): void => {
    if (length > store.byteLength) {
      const grown = new Uint8Array(Math.max(length, store.byteLength * 2))
      grown.set(store.subarray(0, used))
      store = grown
    }
    if (length > used) used = length
  }
  return {
    label,
    async write(chunk) {
      reach(appended + chunk.byteLength)
      store.set(chunk, appended)
      appended += chunk.byteLength
    },
    writeAt(position, chunk) {
      reach(position + chunk.byteLength)
      store.set(chunk, position)
    },
    async commit() {
      committed = true
    },
    async abort() {
      store = new Uint8Array(0)
      used = 0
      committed = false
    },
    bytes() {
      if (!committed) throw new TersorError('E_INTERNAL', `${label}: read before it was committed`)
      return store.subarray(0, used)
    },
  }
}
