import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TersorError } from '../errors.ts'

/** Files of a folder that are looked at, and folders within folders. */
const FILE_LIMIT = 100_000
const DEPTH_LIMIT = 8

/** The names in one folder; by character codes, and numbers by value, so that the order is the same on every system. */
export async function folderNames(folder: string): Promise<{
  readonly names: readonly string[]
  readonly files: readonly string[]
  readonly folders: readonly string[]
}> {
  const entries = await readdir(folder, { withFileTypes: true })
  if (entries.length > FILE_LIMIT) {
    throw new TersorError('E_LIMIT', `${folder}: ${entries.length} files; at most ${FILE_LIMIT} are looked at`, {
      where: folder,
    })
  }
  const files: string[] = []
  const folders: string[] = []
  for (const entry of entries) {
    // A link counts as what it leads to; one that leads nowhere is left out.
    const found = entry.isSymbolicLink() ? await stat(join(folder, entry.name)).catch(() => undefined) : entry
    if (found?.isFile()) files.push(entry.name)
    else if (found?.isDirectory() && !entry.name.startsWith('.')) folders.push(entry.name)
  }
  const names = entries.map(({ name }) => name)
  return { names: names.sort(byNumberedName), files: files.sort(byNumberedName), folders: folders.sort(byNumberedName) }
}

/** Paths of all files in a folder and the folders in it, hidden ones left out. E_LIMIT when there are too many. */
export async function filesBelow(folder: string, depth = 0, found: string[] = []): Promise<readonly string[]> {
  if (depth > DEPTH_LIMIT) {
    throw new TersorError('E_LIMIT', `${folder}: folders more than ${DEPTH_LIMIT} deep`, { where: folder })
  }
  const { files, folders } = await folderNames(folder)
  for (const name of files) if (!name.startsWith('.')) found.push(join(folder, name))
  if (found.length > FILE_LIMIT) {
    throw new TersorError('E_LIMIT', `${folder}: more than ${FILE_LIMIT} files`, { where: folder })
  }
  for (const name of folders) await filesBelow(join(folder, name), depth + 1, found)
  return found
}

function byNumberedName(a: string, b: string): number {
  const numbers = (name: string) => name.split(/(\d+)/)
  const [left, right] = [numbers(a), numbers(b)]
  for (let i = 0; i < Math.min(left.length, right.length); i += 1) {
    if (left[i] === right[i]) continue
    const difference = i % 2 === 1 ? Number(left[i]) - Number(right[i]) : 0
    return difference !== 0 ? difference : left[i]! < right[i]! ? -1 : 1
  }
  return left.length - right.length
}
