import {
  closeSync,
  existsSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { TersorError } from '../errors.ts'
import type { ByteSink } from './types.ts'

export interface FileSinkOptions {
  /** Replace an existing file. */
  readonly force?: boolean
}

/**
 * Writes `<dir>/.<name>.tersor-<pid>-<random>.part` and renames it on `commit`, so that the final name never holds half a file.
 * Staged files that dead processes left for the same name are removed first.
 * @throws E_OUTPUT when the file exists (without `force`), or the folder or disk refuses.
 */
export function fileSink(finalPath: string, options: FileSinkOptions = {}): ByteSink {
  const folder = dirname(finalPath)
  const name = basename(finalPath)
  const { force = false } = options
  if (existsSync(finalPath)) {
    const found = statSync(finalPath)
    if (found.isDirectory()) throw refused(finalPath, 'is a folder', 'Give a file name.')
    // Renaming would put a file where the device was.
    if (!found.isFile()) throw refused(finalPath, 'is a device or pipe', 'Give a file name.')
    if (!force) throw exists(finalPath)
  }
  removeStale(folder, name)
  const stagedPath = join(folder, `.${name}.tersor-${process.pid}-${randomName()}.part`)
  const fd = guard(finalPath, () => openSync(stagedPath, 'wx'))
  let position = 0
  let isOpen = true
  const close = (): void => {
    if (isOpen) closeSync(fd)
    isOpen = false
  }
  return {
    label: finalPath,
    stagedPath,
    async write(chunk) {
      guard(finalPath, () => writeFully(fd, chunk, position))
      position += chunk.byteLength
    },
    writeAt(at, chunk) {
      guard(finalPath, () => writeFully(fd, chunk, at))
    },
    async commit() {
      guard(finalPath, () => {
        close()
        if (force) renameSync(stagedPath, finalPath)
        else moveUnlessThere(stagedPath, finalPath)
      })
    },
    async abort() {
      try {
        close()
        rmSync(stagedPath, { force: true })
      } catch {
        // A later run removes it.
      }
    },
  }
}

/** Staged files of processes that are gone. */
export function removeStale(folder: string, name: string): void {
  const prefix = `.${name}.tersor-`
  for (const entry of guard(join(folder, name), () => readdirSync(folder))) {
    if (!entry.startsWith(prefix) || !entry.endsWith('.part')) continue
    const pid = /^([0-9]{1,10})-/.exec(entry.slice(prefix.length))?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(folder, entry), { force: true })
  }
}

/** File system errors of an output as E_OUTPUT with what to do. */
export function outputError(path: string, thrown: unknown): TersorError {
  if (thrown instanceof TersorError) return thrown
  const code = (thrown as { code?: string }).code ?? ''
  const hints = new Map([
    ['ENOSPC', 'The disk is full: free some space or write to another folder.'],
    ['EDQUOT', 'Your disk quota is used up: free some space or write to another folder.'],
    ['EACCES', 'This folder may not be written: choose another.'],
    ['EPERM', 'This folder may not be written: choose another.'],
    ['EROFS', 'This file system is read-only: choose another folder.'],
    ['ENOENT', 'The folder does not exist: create it first.'],
    ['ENOTDIR', 'A part of the path is a file: choose another folder.'],
    ['EFBIG', 'The file system does not take files of this size.'],
  ])
  const hint = hints.get(code)
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return new TersorError('E_OUTPUT', `${path} cannot be written: ${reason}`, {
    where: path,
    cause: thrown,
    ...(hint === undefined ? {} : { hint }),
  })
}

function guard<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (thrown) {
    throw outputError(path, thrown)
  }
}

function writeFully(fd: number, chunk: Uint8Array, position: number): void {
  let done = 0
  while (done < chunk.byteLength) done += writeSync(fd, chunk, done, chunk.byteLength - done, position + done)
}

/** A hard link fails where the name is taken, which a rename does not; file systems without links get the plain check. */
function moveUnlessThere(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (thrown) {
    if ((thrown as { code?: string }).code === 'EEXIST' || existsSync(to)) throw exists(to)
    renameSync(from, to)
    return
  }
  unlinkSync(from)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return (thrown as { code?: string }).code === 'EPERM'
  }
}

function randomName(): string {
  return crypto.randomUUID().slice(0, 8)
}

function exists(path: string): TersorError {
  return refused(path, 'exists', 'Replace it with --force, or choose another name.')
}

function refused(path: string, what: string, hint: string): TersorError {
  return new TersorError('E_OUTPUT', `${path} ${what}`, { where: path, hint })
}
