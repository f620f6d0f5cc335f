import { open, readdir, stat } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import type { SessionInput, Value } from '../model/runtime.ts'
import { arrayItem, type SampleItem } from './arrays-samples.ts'
import { CONTENT_BYTES, type ContentKind, contentKind } from './content-kind.ts'
import { moduleItems } from './module-samples.node.ts'
import { type ArraySource, openNpy } from './npy.ts'
import { openNpz } from './npz.ts'
import type { SampleSet } from './sample-set.ts'
import { DEFAULT_SAMPLES, type SampleOptions, sampleSet } from './samples.ts'
import { testDataItem } from './test-data.node.ts'

export interface OpenSamplesOptions extends SampleOptions {
  /** Decodes one TensorProto file, for `test_data_set_*` folders; `name` where the tensor has one. */
  readonly decodeTensor?: (
    bytes: Uint8Array,
  ) => Promise<Value & { readonly name?: string }> | (Value & { readonly name?: string })
  /** Output names in order, to pair the expected outputs of `test_data_set_*` folders. */
  readonly outputs?: readonly string[]
  readonly signal?: AbortSignal
}

/** Files of a folder that are looked at. */
const FILE_LIMIT = 100_000

/**
 * Opens calibration or evaluation data, kind found by content: an .npy or .npz file, a folder of them (or of one .npy per
 * input), `test_data_set_*` folders, a JavaScript module whose default export is an iterable of feeds.
 * E_USAGE when there is nothing at `path`, E_FORMAT or E_UNSUPPORTED with the file's name for what cannot be used.
 */
export async function openSamples(
  path: string,
  inputs: readonly SessionInput[],
  options: OpenSamplesOptions = {},
): Promise<SampleSet> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new TersorError('E_USAGE', `${path}: no such file or folder`, { where: path, cause })
  })
  const skipped: string[] = []
  const items = found.isDirectory()
    ? await folderItems(path, inputs, skipped, options)
    : await fileItems(path, inputs, options)
  if (items.length === 0) {
    throw new TersorError('E_FORMAT', `${path}: expected .npy or .npz files or test_data_set_* folders, found none`, {
      where: path,
    })
  }
  const set = await sampleSet(items, inputs, skipped, options)
  if (set.count > 0) return set
  throw new TersorError(
    'E_FORMAT',
    `${path}: no sample can be used${set.skipped.length > 0 ? `: ${set.skipped[0]}` : ''}`,
    { where: path },
  )
}

async function fileItems(
  path: string,
  inputs: readonly SessionInput[],
  options: OpenSamplesOptions,
): Promise<readonly SampleItem[]> {
  const kind = await kindOfFile(path)
  if (kind === 'npy')
    return [
      arrayItem(
        path,
        new Map([[arrayKey(path, inputs), await openNpy(fileWindow(path, await sizeOfFile(path)))]]),
        inputs,
      ),
    ]
  if (kind === 'npz') return [arrayItem(path, await openNpz(fileWindow(path, await sizeOfFile(path))), inputs)]
  if (kind === 'other' && /\.[cm]?[jt]s$/.test(path))
    return moduleItems(resolve(path), inputs, options.samples ?? DEFAULT_SAMPLES)
  throw notYet(path, kind)
}

/** A file's own name counts as its key when an input is called so. */
function arrayKey(path: string, inputs: readonly SessionInput[]): string {
  const stem = basename(path, extname(path))
  return inputs.some(({ name }) => name === stem) ? stem : basename(path)
}

async function folderItems(
  path: string,
  inputs: readonly SessionInput[],
  skipped: string[],
  options: OpenSamplesOptions,
): Promise<readonly SampleItem[]> {
  const entries = (await readdir(path, { withFileTypes: true })).slice(0, FILE_LIMIT)
  // By character codes, and numbers by value, so that the order is the same on every system.
  const names = entries.map(({ name }) => name).sort(byNumberedName)
  const sets = names.filter((name) => /^test_data_set_\d+$/.test(name))
  if (sets.length > 0)
    return testDataItems(
      sets.map((name) => join(path, name)),
      inputs,
      options,
    )
  if (names.some((name) => /^input_\d+\.pb$/.test(name))) return testDataItems([path], inputs, options)
  const files = new Set(entries.filter((entry) => entry.isFile()).map(({ name }) => name))
  return arrayFiles(
    path,
    names.filter((name) => files.has(name)),
    inputs,
    skipped,
    options,
  )
}

async function testDataItems(
  folders: readonly string[],
  inputs: readonly SessionInput[],
  options: OpenSamplesOptions,
): Promise<readonly SampleItem[]> {
  const { decodeTensor, outputs = [] } = options
  if (decodeTensor === undefined) {
    throw new TersorError('E_UNSUPPORTED', `${folders[0]}: tensor files cannot be decoded here`, { where: folders[0]! })
  }
  return Promise.all(folders.map((folder) => testDataItem(folder, inputs, outputs, decodeTensor)))
}

async function arrayFiles(
  folder: string,
  names: readonly string[],
  inputs: readonly SessionInput[],
  skipped: string[],
  options: OpenSamplesOptions,
): Promise<readonly SampleItem[]> {
  const arrays = new Map<string, ArraySource>()
  const items: SampleItem[] = []
  const other: { readonly name: string; readonly kind: ContentKind }[] = []
  for (const name of names) {
    const path = join(folder, name)
    const kind = await kindOfFile(path)
    try {
      if (kind === 'npy') arrays.set(name, await openNpy(fileWindow(path, await sizeOfFile(path))))
      else if (kind === 'npz') items.push(...(await fileItems(path, inputs, options)))
      else other.push({ name, kind })
    } catch (thrown) {
      if (options.skipBad !== true || !(thrown instanceof TersorError)) throw thrown
      skipped.push(thrown.message)
    }
  }
  const [stranger] = other
  if (stranger !== undefined) {
    if (arrays.size === 0 && items.length === 0) throw notYet(join(folder, stranger.name), stranger.kind)
    skipped.push(`${folder}: ${other.length} other files, such as ${stranger.name}`)
  }
  const stems = new Map([...arrays].map(([name, array]) => [basename(name, extname(name)), array]))
  // One file per input, or one or more samples per file.
  if (
    inputs.length > 1 &&
    stems.size > 0 &&
    [...stems.keys()].every((stem) => inputs.some(({ name }) => name === stem))
  ) {
    return [...items, arrayItem(folder, stems, inputs)]
  }
  for (const [name, array] of arrays) {
    try {
      items.push(arrayItem(join(folder, name), new Map([[name, array]]), inputs))
    } catch (thrown) {
      if (options.skipBad !== true || !(thrown instanceof TersorError)) throw thrown
      skipped.push(thrown.message)
    }
  }
  return items
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

function notYet(path: string, kind: ContentKind): TersorError {
  const what = kind === 'picture' ? 'a picture' : kind === 'sound' ? 'a sound' : 'other content'
  return new TersorError(
    'E_UNSUPPORTED',
    `${path}: expected .npy, .npz, test_data_set_* folders or a JavaScript module, found ${what}`,
    {
      where: path,
      hint: 'write the model inputs with numpy.savez, keys named like the inputs',
    },
  )
}

async function kindOfFile(path: string): Promise<ContentKind> {
  const file = await open(path, 'r')
  try {
    const start = new Uint8Array(CONTENT_BYTES)
    await file.read(start, 0, CONTENT_BYTES, 0)
    return contentKind(start)
  } finally {
    await file.close()
  }
}

async function sizeOfFile(path: string): Promise<number> {
  return (await stat(path)).size
}

/** A file that is open only while a part is read: a folder may hold more files than a process may keep open. */
function fileWindow(path: string, byteLength: number): ByteSource {
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
