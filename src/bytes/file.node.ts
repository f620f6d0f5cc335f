import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { TersorError } from '../errors.ts'
import { checkAborted, checkRange } from './range.ts'
import type { ByteSource } from './types.ts'

/** One system call reads at most 2^31 - 1 bytes. */
const MAX_CALL_BYTES = 1024 * 1024 * 1024
/** From here on the place of the buffer matters. */
const ALIGN_FROM_BYTES = 64 * 1024

/**
 * A file, read by position. `readInto` takes views of wasm memory. The file stays open until `close`.
 * @throws E_USAGE when it cannot be opened, with what the system said.
 */
export function fileSource(path: string): ByteSource {
  const fd = openFile(path)
  const byteLength = fstatSync(fd).size
  let isOpen = true
  const fill = (target: Uint8Array, start: number): void => {
    checkRange(path, byteLength, start, start + target.byteLength)
    if (!isOpen) throw new TersorError('E_INTERNAL', `${path} is read after it was closed`, { where: path })
    readFully(fd, target, start, path)
  }
  return {
    label: path,
    path,
    byteLength,
    async read(start, end, signal) {
      checkAborted(signal)
      checkRange(path, byteLength, start, end)
      const bytes = alignedBytes(end - start)
      fill(bytes, start)
      return bytes
    },
    readInto: fill,
    async close() {
      if (isOpen) closeSync(fd)
      isOpen = false
    },
  }
}

/**
 * malloc puts large buffers 16 bytes behind a page, where the kernel's copy is several times slower on some CPUs;
 * 48 bytes further is a multiple of 64.
 */
export function alignedBytes(byteLength: number): Uint8Array {
  if (byteLength < ALIGN_FROM_BYTES) return new Uint8Array(byteLength)
  return new Uint8Array(new ArrayBuffer(byteLength + 64), 48, byteLength)
}

function openFile(path: string): number {
  try {
    // Asked before opening: opening a pipe would wait for a writer.
    if (!statSync(path).isFile())
      throw new TersorError('E_USAGE', `${path}: expected a file, found a folder or device`, { where: path })
    return openSync(path, 'r')
  } catch (thrown) {
    if (thrown instanceof TersorError) throw thrown
    const code = (thrown as { code?: string }).code
    const found =
      code === 'ENOENT' || code === 'ENOTDIR'
        ? 'no such file'
        : code === 'EACCES'
          ? 'no permission to read it'
          : String(thrown)
    throw new TersorError('E_USAGE', `${path}: ${found}`, { where: path, cause: thrown })
  }
}

function readFully(fd: number, target: Uint8Array, start: number, path: string): void {
  let done = 0
  while (done < target.byteLength) {
    const count = readSync(fd, target, done, Math.min(target.byteLength - done, MAX_CALL_BYTES), start + done)
    if (count === 0) {
      throw new TersorError('E_FORMAT', `${path}: the file ended at byte ${start + done} while it was read`, {
        where: path,
        hint: 'Did another program change it?',
      })
    }
    done += count
  }
}
