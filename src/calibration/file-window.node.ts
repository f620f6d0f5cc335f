import { open, stat } from 'node:fs/promises'
import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import { CONTENT_BYTES, type ContentKind, contentKind } from './content-kind.ts'

/** What a file holds, by its first bytes. */
export async function kindOfFile(path: string): Promise<ContentKind> {
  const file = await open(path, 'r')
  try {
    const start = new Uint8Array(CONTENT_BYTES)
    await file.read(start, 0, CONTENT_BYTES, 0)
    return contentKind(start)
  } finally {
    await file.close()
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
      const file = await open(path, 'r')
      try {
        const bytes = new Uint8Array(end - start)
        let done = 0
        while (done < bytes.byteLength) {
          const { bytesRead } = await file.read(
            bytes,
            done,
            Math.min(bytes.byteLength - done, 1_073_741_824),
            start + done,
          )
          if (bytesRead === 0)
            throw new TersorError('E_FORMAT', `${path}: ended early; it changed while it was read`, { where: path })
          done += bytesRead
        }
        return bytes
      } finally {
        await file.close()
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
