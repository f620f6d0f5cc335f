import { lstat, readFile, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, normalize, sep } from 'node:path'
import { TersorError } from '../errors.ts'
import type { ExternalFile } from './ort.ts'

/** What the wasm build can hold: 4 GiB of address space, with a second copy of the weights while a session is made. */
export const WASM_MODEL_LIMIT = 1_900_000_000

// StringStringEntryProto { key = "location", value = ... }: field 1, length 8, the key, then field 2.
const LOCATION = Buffer.from([0x0a, 8, ...Buffer.from('location', 'latin1'), 0x12])

/**
 * A model with the external data it names, in memory, for a build of onnxruntime that cannot open files itself.
 * E_LIMIT above `WASM_MODEL_LIMIT`. Names that leave the model's folder, links and missing files are left out: the executor
 * then says what it misses.
 */
export async function readWithExternalFiles(
  path: string,
): Promise<{ bytes: Uint8Array; externalFiles: ExternalFile[] }> {
  let total = await boundedSize(path, 0, path)
  const bytes = await readFile(path)
  const externalFiles: ExternalFile[] = []
  for (const name of locations(bytes)) {
    const beside = join(dirname(path), name)
    if (!(await isOwnFile(beside))) continue
    total = await boundedSize(beside, total, path)
    externalFiles.push({ path: name, data: await readFile(beside) })
  }
  return { bytes, externalFiles }
}

/** Names of external data files in the order of their first use. Found by their spelling in the file, without decoding it. */
export function locations(model: Buffer): string[] {
  const names = new Set<string>()
  for (let at = model.indexOf(LOCATION); at >= 0; at = model.indexOf(LOCATION, at + 1)) {
    const lengthAt = at + LOCATION.length
    const byteLength = model[lengthAt] ?? 0
    // One length byte: names of up to 127 bytes. Longer ones do not occur as plain file names beside a model.
    if (byteLength === 0 || byteLength > 127) continue
    const name = model.toString('utf8', lengthAt + 1, lengthAt + 1 + byteLength)
    const plain = normalize(name)
    if (isAbsolute(name) || plain === '..' || plain.startsWith(`..${sep}`) || name.includes('\0')) continue
    names.add(name)
  }
  return [...names]
}

async function isOwnFile(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile()
  } catch {
    return false
  }
}

async function boundedSize(path: string, before: number, model: string): Promise<number> {
  const total = before + (await stat(path)).size
  if (total <= WASM_MODEL_LIMIT) return total
  throw new TersorError(
    'E_LIMIT',
    `${model}: onnxruntime-web holds a model in memory and takes at most ${WASM_MODEL_LIMIT} bytes with external data, found ${total} or more`,
    { where: model, hint: 'install onnxruntime-node, which maps the files instead' },
  )
}
