import { closeSync, openSync, readSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import { CONTENT_BYTES, type ContentKind, contentKind } from './content-kind.ts'

/** One system call reads at most 2^31 - 1 bytes. */
const MOST_AT_ONCE = 1_073_741_824

/** What a file holds, by its first bytes: read at once, which takes a tenth of what handing it to another thread and back does. */
export async function kindOfFile(path: string): Promise<ContentKind> {
  const file = openSync(path, 'r')
  try {
    const start = new Uint8Array(CONTENT_BYTES)
    readSync(file, start, 0, CONTENT_BYTES, 0)
    return contentKind(start)
  } finally {
    closeSync(file)
  }
}

/** A file that is open only while a part is read: a folder may hold more files than a process may keep open. */
export async function fileWindow(path: string): Promise<ByteSource> {
  const byteLength = (await stat(path)).size
  return {
    label: path,
    byteLength,
    async read(start, end) {
      if (!(start >= 0 && start <= end && end <= byteLength)) {
        throw new TersorError('E_FORMAT', `${path}: bytes ${start} to ${end} asked for, the file has ${byteLength}`, {
          where: path,
        })
      }
      const file = openSync(path, 'r')
      try {
        const bytes = new Uint8Array(end - start)
        for (let done = 0; done < bytes.byteLength; ) {
          const length = Math.min(bytes.byteLength - done, MOST_AT_ONCE)
          const read = readSync(file, bytes, done, length, start + done)
          if (read === 0)
            throw new TersorError('E_FORMAT', `${path}: ended early; it changed while it was read`, { where: path })
          done += read
        }
        return bytes
      } finally {
        closeSync(file)
      }
    },
  }
}

/** A whole file. E_LIMIT above `most` bytes. */
export async function wholeFile(path: string, most: number, what: string): Promise<Uint8Array> {
  const source = await fileWindow(path)
  if (source.byteLength <= most) return source.read(0, source.byteLength)
  throw new TersorError('E_LIMIT', `${path}: ${source.byteLength} bytes; ${what} has at most ${most}`, { where: path })
}
