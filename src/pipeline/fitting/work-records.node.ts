import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/*
 * A file of records, one behind the other: lengths of head and payload (2 x u32), head (JSON), payload, and the SHA-256 of all three. It only
 * grows at its end, so whenever a run is killed, all records but the last one are whole, and the last one says whether it is.
 */

const LENGTHS = 8
const HASH = 32
const WINDOW = 4 << 20
/** Longest head. */
const MOST_HEAD = 1 << 20

export interface WorkRecord {
  readonly head: string
  /** Where in the file. */
  readonly start: number
  readonly byteLength: number
}

export interface WorkRecords {
  readonly records: readonly WorkRecord[]
  /** End of the last whole record. */
  readonly end: number
  /** What stands behind it has the length of a record, and is none. */
  readonly damaged: boolean
}

/** The parts of a record, in their order. */
export function recordOf(head: string, payload: readonly Uint8Array[]): readonly Uint8Array[] {
  const text = new TextEncoder().encode(head)
  const lengths = new Uint8Array(LENGTHS)
  const view = new DataView(lengths.buffer)
  view.setUint32(0, text.length, true)
  view.setUint32(
    4,
    payload.reduce((sum, part) => sum + part.byteLength, 0),
    true,
  )
  const hash = createHash('sha256')
  const parts = [lengths, text, ...payload]
  for (const part of parts) hash.update(part)
  return [...parts, hash.digest()]
}

/** Every record up to the first that is not whole. */
export function readRecords(path: string): WorkRecords {
  const fd = openSync(path, 'r')
  try {
    const size = fstatSync(fd).size
    const records: WorkRecord[] = []
    for (let start = 0; ; ) {
      const found = recordAt(fd, start, size)
      if (typeof found === 'string') return { records, end: start, damaged: found === 'damaged' }
      records.push(found)
      start += found.byteLength
    }
  } finally {
    closeSync(fd)
  }
}

/** The payload of a record that was whole; null where it is not any more. */
export function readPayload(path: string, { start, byteLength }: WorkRecord): Uint8Array | null {
  const fd = openSync(path, 'r')
  try {
    const bytes = new Uint8Array(byteLength)
    if (!fill(fd, bytes, start)) return null
    const body = bytes.subarray(0, byteLength - HASH)
    if (
      !createHash('sha256')
        .update(body)
        .digest()
        .equals(bytes.subarray(byteLength - HASH))
    )
      return null
    const head = new DataView(bytes.buffer).getUint32(0, true)
    return body.subarray(LENGTHS + head)
  } finally {
    closeSync(fd)
  }
}

function recordAt(fd: number, start: number, size: number): WorkRecord | 'ended' | 'damaged' {
  const lengths = new Uint8Array(LENGTHS)
  if (start + LENGTHS > size || !fill(fd, lengths, start)) return 'ended'
  const view = new DataView(lengths.buffer)
  const head = view.getUint32(0, true)
  const byteLength = LENGTHS + head + view.getUint32(4, true) + HASH
  if (head > MOST_HEAD) return 'damaged'
  if (start + byteLength > size) return 'ended'
  const hash = createHash('sha256')
  const window = new Uint8Array(Math.min(WINDOW, byteLength))
  for (let at = 0; at < byteLength - HASH; at += window.length) {
    const part = window.subarray(0, Math.min(window.length, byteLength - HASH - at))
    if (!fill(fd, part, start + at)) return 'ended'
    hash.update(part)
  }
  const [text, digest] = [new Uint8Array(head), new Uint8Array(HASH)]
  if (!fill(fd, text, start + LENGTHS) || !fill(fd, digest, start + byteLength - HASH)) return 'ended'
  if (!hash.digest().equals(digest)) return 'damaged'
  return { head: new TextDecoder().decode(text), start, byteLength }
}

/** False where the file ends before. */
function fill(fd: number, target: Uint8Array, start: number): boolean {
  for (let done = 0; done < target.length; ) {
    const count = readSync(fd, target, done, Math.min(target.length - done, 2 ** 30), start + done)
    if (count === 0) return false
    done += count
  }
  return true
}
