import { stat } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { TersorError } from '../errors.ts'
import type { SessionInput, Value } from '../model/runtime.ts'
import { arrayItem, type SampleItem } from './arrays-samples.ts'
import { fileWindow, kindOfFile } from './file-window.node.ts'
import { filesBelow, folderNames } from './folder-files.node.ts'
import { type MediaOptions, mediaFile, mediaFolder } from './media-items.node.ts'
import { moduleItems } from './module-samples.node.ts'
import { type ArraySource, openNpy } from './npy.ts'
import { openNpz } from './npz.ts'
import type { SampleSet } from './sample-set.ts'
import { DEFAULT_SAMPLES, type SampleOptions, sampleSet } from './samples.ts'
import { testDataItem } from './test-data.node.ts'
import type { TextFacts } from './text/text-items.node.ts'

export interface OpenSamplesOptions extends SampleOptions, MediaOptions {
  /** Decodes one TensorProto file, for `test_data_set_*` folders; `name` where the tensor has one. */
  readonly decodeTensor?: (
    bytes: Uint8Array,
  ) => Promise<Value & { readonly name?: string }> | (Value & { readonly name?: string })
  /** Output names in order, to pair the expected outputs of `test_data_set_*` folders. */
  readonly outputs?: readonly string[]
  readonly signal?: AbortSignal
}

/** Items and what to say about them. */
interface Found {
  readonly items: readonly SampleItem[]
  readonly notes?: readonly string[]
  readonly asBytes?: boolean
  readonly facts?: TextFacts
}

/**
 * Opens calibration or evaluation data, kind found by content: an .npy or .npz file, a folder of them (or of one .npy per
 * input), `test_data_set_*` folders, pictures, sounds or texts (also in folders of folders), a JavaScript module whose default
 * export is an iterable of feeds. E_USAGE when there is nothing at `path`, E_FORMAT or E_UNSUPPORTED with the file's name for what cannot be used.
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
  const { items, notes, asBytes, facts } = found.isDirectory()
    ? await folderItems(path, inputs, skipped, options)
    : await fileItems(path, inputs, options)
  if (items.length === 0) {
    throw new TersorError('E_FORMAT', `${path}: expected ${KINDS}, found none`, { where: path })
  }
  const unused = notes === undefined ? unusedOptions(path, options) : []
  const set = await sampleSet(items, inputs, skipped, {
    ...options,
    ...(facts?.samples === undefined ? {} : { samples: facts.samples }),
    ...(facts?.rows === undefined ? {} : { rows: facts.rows }),
    ...(facts?.pairs === undefined ? {} : { pairs: facts.pairs }),
    notes: [...(notes ?? []), ...unused],
    asBytes: asBytes === true,
  })
  if (set.count > 0) return set
  throw new TersorError(
    'E_FORMAT',
    `${path}: no sample can be used${set.skipped.length > 0 ? `: ${set.skipped[0]}` : ''}`,
    {
      where: path,
      hint:
        set.skipped.length > 0
          ? 'none of it fits; give data of the kind that the model reads'
          : 'nothing is in it: a text has a sample in each line that is not empty',
    },
  )
}

async function fileItems(path: string, inputs: readonly SessionInput[], options: OpenSamplesOptions): Promise<Found> {
  const kind = await kindOfFile(path)
  if (kind === 'npy') {
    const array = await openNpy(await fileWindow(path))
    return { items: [arrayItem(path, new Map([[arrayKey(path, inputs), array]]), inputs)] }
  }
  if (kind === 'npz') return { items: [arrayItem(path, await openNpz(await fileWindow(path)), inputs)] }
  if (kind === 'other' && /\.[cm]?[jt]s$/.test(path))
    return { items: await moduleItems(resolve(path), inputs, options.samples ?? DEFAULT_SAMPLES) }
  const media = await mediaFile(path, kind, inputs, options)
  if (media !== undefined) return media
  throw unknownContent(path)
}

/** What was given for pictures, sounds or texts and has nothing to do here. */
function unusedOptions(path: string, { preprocess, tokenizer, context }: OpenSamplesOptions): readonly string[] {
  return [
    ...(preprocess === undefined ? [] : [`--preprocess was not used: ${path} holds the values themselves`]),
    ...(tokenizer === undefined ? [] : [`--tokenizer was not used: ${path} holds the values themselves`]),
    ...(context === undefined ? [] : [`--context was not used: ${path} holds the values themselves`]),
  ]
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
): Promise<Found> {
  const { names, files, folders } = await folderNames(path)
  const sets = names.filter((name) => /^test_data_set_\d+$/.test(name))
  if (sets.length > 0)
    return {
      items: await testDataItems(
        sets.map((name) => join(path, name)),
        inputs,
        options,
      ),
    }
  if (names.some((name) => /^input_\d+\.pb$/.test(name))) return { items: await testDataItems([path], inputs, options) }
  const arrays = await arrayFiles(path, files, inputs, skipped, options)
  if (arrays.length > 0) return { items: arrays }
  const all = folders.length === 0 ? files.map((name) => join(path, name)) : await filesBelow(path)
  const media = await mediaFolder(path, all, inputs, skipped, options)
  if (media !== undefined) return media
  const [first] = all
  if (first !== undefined && skipped.length === 0) throw unknownContent(first)
  return { items: [] }
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
  const other: string[] = []
  for (const name of names) {
    const path = join(folder, name)
    const kind = await kindOfFile(path)
    try {
      if (kind === 'npy') arrays.set(name, await openNpy(await fileWindow(path)))
      else if (kind === 'npz') items.push(...(await fileItems(path, inputs, options)).items)
      else other.push(name)
    } catch (thrown) {
      if (options.skipBad !== true || !(thrown instanceof TersorError)) throw thrown
      skipped.push(thrown.message)
    }
  }
  const [stranger] = other
  if (arrays.size === 0 && items.length === 0) return []
  if (stranger !== undefined) skipped.push(`${folder}: ${other.length} other files, such as ${stranger}`)
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

const KINDS =
  '.npy, .npz, test_data_set_* folders, pictures (jpeg, png, webp), .wav, .txt, .jsonl, .tsv or a JavaScript module of feeds'

function unknownContent(path: string): TersorError {
  return new TersorError('E_UNSUPPORTED', `${path}: expected ${KINDS}, found other content`, {
    where: path,
    hint: 'write the model inputs with numpy.savez, keys named like the inputs',
  })
}
