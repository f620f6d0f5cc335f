import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileSource } from '../bytes/file.node.ts'
import { fileSink } from '../bytes/file-sink.node.ts'
import { memorySource } from '../bytes/memory.ts'
import { sha256 } from '../calibration/statistics.ts'
import { readStatistics, writeStatistics } from '../calibration/statistics-file.ts'
import { TersorError } from '../errors.ts'
import type { Statistics } from '../model/statistics.ts'
import { checkStatistics, type StatisticsNeed } from './statistics-need.ts'

/**
 * Statistics that an earlier run saved; undefined when there is no such file. `unfinished` ones are to be gone on from. E_USAGE
 * when they are not what `need` asks for, E_FORMAT, E_LIMIT and E_UNSUPPORTED for another file, E_OUTPUT when none is there and
 * none could be written.
 */
export async function openStatistics(path: string, need: StatisticsNeed): Promise<Statistics | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) {
    const folder = dirname(path)
    if ((await stat(folder).catch(() => undefined))?.isDirectory()) return undefined
    throw new TersorError('E_OUTPUT', `--statistics ${path}: the folder "${folder}" does not exist`, {
      where: path,
      hint: 'create it first',
    })
  }
  if (!found.isFile()) {
    throw new TersorError('E_USAGE', `--statistics ${path}: expected a file, found something else`, { where: path })
  }
  const source = await fileSource(path)
  try {
    const statistics = await readStatistics(source)
    checkStatistics(statistics, need, path)
    return statistics
  } finally {
    await source.close?.()
  }
}

/** Staged, read back, renamed; replaces what was there. The hash is that of the file. */
export async function saveStatistics(path: string, statistics: Statistics): Promise<{ readonly sha256: string }> {
  const bytes = writeStatistics(statistics)
  // What cannot be read again must not replace what can.
  await readStatistics(memorySource(bytes, path))
  const sink = fileSink(path, { force: true })
  try {
    await sink.write(bytes)
    await sink.commit()
  } catch (thrown) {
    await sink.abort()
    throw thrown
  }
  return { sha256: await sha256(bytes) }
}
