import { lstatSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { fileSource } from '../../bytes/file.node.ts'
import type { ByteSource } from '../../bytes/types.ts'
import { TersorError } from '../../errors.ts'
import { checkLocation } from './external-data.ts'

/**
 * Opens data files that lie in a model's folder or below, and nothing else: a location that is a link, or goes through one, is refused.
 * The model file itself may be reached by links.
 * @throws E_FORMAT when the file is missing or refused.
 */
export function externalOpener(folder: string): (location: string) => Promise<ByteSource> {
  return async (location) => {
    const relative = checkLocation(location, { label: folder, tensor: '' })
    const root = realpathSync(folder === '' ? '.' : folder)
    const path = join(root, relative)
    if (realPathOf(path) !== path) {
      throw new TersorError('E_FORMAT', `data file "${location}" is a link, or lies behind one`, {
        where: path,
        hint: 'Put the file itself into the folder of the model.',
      })
    }
    return fileSource(path)
  }
}

function realPathOf(path: string): string {
  try {
    const real = realpathSync(path)
    if (!lstatSync(real).isFile()) throw new TersorError('E_FORMAT', `${path} is not a file`, { where: path })
    return real
  } catch (thrown) {
    if (thrown instanceof TersorError) throw thrown
    throw new TersorError('E_FORMAT', `${path}: no such file`, {
      where: path,
      hint: 'Put the data files of the model into its folder.',
      cause: thrown,
    })
  }
}
