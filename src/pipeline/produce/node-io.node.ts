import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { outputError } from '../../bytes/file-sink.node.ts'
import { TersorError } from '../../errors.ts'
import type { UnitIo, WeightSource } from './types.ts'

/**
 * Writes end where the position is a multiple of this: a page of the system's cache may be as large as the aligned part of a write, and
 * longer writes hold the file's lock so long that other threads go to sleep on it.
 */
const WRITE_BYTES = 1 << 20

/** Positioned reads and writes with file descriptors of this thread. `outputs` are staged paths by file index. */
export class NodeIo implements UnitIo {
  readonly #outputs: readonly string[]
  readonly #inputs = new Map<string, number>()
  readonly #sinks = new Map<number, number>()

  constructor(outputs: readonly string[]) {
    this.#outputs = outputs
  }

  read(source: WeightSource, offset: number, target: Uint8Array): void {
    if (source.kind === 'bytes') {
      target.set(source.bytes.subarray(offset, offset + target.length))
      return
    }
    if (source.kind === 'source') throw new TersorError('E_INTERNAL', 'this source cannot be read by position')
    let fd = this.#inputs.get(source.path)
    if (fd === undefined) {
      fd = openSync(source.path, 'r')
      this.#inputs.set(source.path, fd)
    }
    if (offset + target.length > source.byteLength) {
      throw new TersorError(
        'E_INTERNAL',
        `read past the end of a weight: ${offset} + ${target.length} of ${source.byteLength}`,
      )
    }
    let done = 0
    while (done < target.length) {
      const got = readSync(fd, target, done, target.length - done, source.start + offset + done)
      if (got === 0) {
        throw new TersorError(
          'E_FORMAT',
          `"${source.path}" ended while its weights were read; it changed or is truncated`,
          { where: source.path },
        )
      }
      done += got
    }
  }

  write(
    target: { readonly file: number; readonly position: number; readonly byteLength: number },
    offset: number,
    bytes: Uint8Array,
  ): void {
    if (offset + bytes.length > target.byteLength) {
      throw new TersorError(
        'E_INTERNAL',
        `write past the end of a tensor: ${offset} + ${bytes.length} of ${target.byteLength}`,
      )
    }
    let fd = this.#sinks.get(target.file)
    if (fd === undefined) {
      fd = openSync(this.#outputs[target.file] as string, 'r+')
      this.#sinks.set(target.file, fd)
    }
    writeFully(fd, bytes, target.position + offset, this.#outputs[target.file] as string)
  }

  close(): void {
    for (const fd of this.#inputs.values()) closeSync(fd)
    for (const fd of this.#sinks.values()) closeSync(fd)
    this.#inputs.clear()
    this.#sinks.clear()
  }
}

/** Writes all bytes at a position of the file at `path`; what the disk refuses becomes E_OUTPUT. */
export function writeFully(fd: number, bytes: Uint8Array, position: number, path: string): void {
  let done = 0
  try {
    while (done < bytes.length) {
      const room = WRITE_BYTES - ((position + done) % WRITE_BYTES)
      done += writeSync(fd, bytes, done, Math.min(room, bytes.length - done), position + done)
    }
  } catch (cause) {
    throw outputError(path, cause)
  }
}
