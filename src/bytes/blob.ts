import { TersorError } from '../errors.ts'
import { checkAborted, checkRange } from './range.ts'
import type { ByteSink, ByteSource } from './types.ts'

/** A Blob or File of the browser, read slice by slice. */
export function blobSource(blob: Blob, label = 'blob'): ByteSource {
  return {
    label,
    byteLength: blob.size,
    async read(start, end, signal) {
      checkAborted(signal)
      checkRange(label, blob.size, start, end)
      try {
        return new Uint8Array(await blob.slice(start, end).arrayBuffer())
      } catch (thrown) {
        throw new TersorError('E_FORMAT', `${label}: bytes ${start} to ${end} cannot be read: ${String(thrown)}`, {
          where: label,
          hint: 'The file was probably changed or moved; choose it again.',
          cause: thrown,
        })
      }
    },
  }
}

export interface BlobSink extends ByteSink {
  /** What was written. Only after `commit`. */
  blob(): Blob
}

/** Small pieces are joined up to this; the browser may keep Blobs on disk. */
const PART_BYTES = 4 * 1024 * 1024

/** Collects into a Blob, append only. */
export function blobSink(label = 'blob', type = 'application/octet-stream'): BlobSink {
  let parts: Blob[] = []
  let pending: Uint8Array<ArrayBuffer>[] = []
  let pendingBytes = 0
  let whole: Blob | undefined
  const flush = (): void => {
    if (pendingBytes > 0) parts.push(new Blob(pending))
    pending = []
    pendingBytes = 0
  }
  return {
    label,
    async write(chunk) {
      // A copy: the caller may use its buffer again.
      pending.push(new Uint8Array(chunk))
      pendingBytes += chunk.byteLength
      if (pendingBytes >= PART_BYTES) flush()
    },
    async commit() {
      flush()
      whole = new Blob(parts, { type })
      parts = []
    },
    async abort() {
      parts = []
      pending = []
      pendingBytes = 0
      whole = undefined
    },
    blob() {
      if (whole === undefined) throw new TersorError('E_INTERNAL', `${label}: read before it was committed`)
      return whole
    },
  }
}
