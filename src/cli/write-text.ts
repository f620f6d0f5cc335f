import { rename, rm, stat, writeFile } from 'node:fs/promises'
import { TersorError } from '../errors.ts'

/** Refuses now what `writeText` would refuse after the work is done. */
export async function checkFree(path: string, force: boolean): Promise<void> {
  const found = await stat(path).catch(() => null)
  // Renaming would put a file where the device was.
  if (found && !found.isFile()) {
    throw new TersorError('E_OUTPUT', `${path} is no file; a file name was expected`, { where: path })
  }
  if (found && !force) {
    throw new TersorError('E_OUTPUT', `${path} exists`, {
      where: path,
      hint: 'add --force to replace it, or name another file',
    })
  }
}

/** Writes a text under a staged name and publishes it by renaming: the file is whole or not there. */
export async function writeText(path: string, text: string): Promise<void> {
  const staged = `${path}.tersor-${process.pid}.tmp`
  try {
    await writeFile(staged, text)
    await rename(staged, path)
  } catch (cause) {
    await rm(staged, { force: true }).catch(() => {})
    throw new TersorError('E_OUTPUT', `could not write ${path}: ${(cause as Error).message}`, { where: path, cause })
  }
}
