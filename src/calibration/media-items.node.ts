import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { TersorError } from '../errors.ts'
import type { Kernels } from '../model/kernels.ts'
import type { SessionInput } from '../model/runtime.ts'
import type { SampleItem } from './arrays-samples.ts'
import type { ContentKind } from './content-kind.ts'
import { kindOfFile } from './file-window.node.ts'
import { isRaw, pictureInputOf } from './pictures/picture-input.ts'
import { pictureItems } from './pictures/picture-items.node.ts'
import { PICTURE_PRESETS } from './pictures/recipe.ts'
import { parsePreprocess } from './preprocess/parse-preprocess.ts'
import type { Preprocess } from './preprocess/preprocess.ts'
import { SOUND_PRESETS } from './sound/recipe.ts'
import { soundItems } from './sound/sound-items.node.ts'
import { looksLikeText, type TextFacts, textItems } from './text/text-items.node.ts'

export interface MediaOptions {
  /** What `--preprocess` says. */
  readonly preprocess?: string
  /** Path of a `tokenizer.json`. */
  readonly tokenizer?: string
  /** The model's file: `preprocessor_config.json` and `tokenizer.json` beside it are used where nothing else is said. */
  readonly modelPath?: string
  readonly skipBad?: boolean
  /** Texts: join them, and cut windows of so many tokens. */
  readonly context?: number
  /** Tokens from one window to the next. */
  readonly stride?: number
  readonly samples?: number
  /** What pictures are resized with; nothing else is kept in their memory. */
  readonly kernels?: () => Kernels
}

/** Samples from pictures, sounds or texts, and what to say about how they are read. */
export interface Media {
  readonly items: readonly SampleItem[]
  readonly notes: readonly string[]
  readonly asBytes: boolean
  readonly facts?: TextFacts
}

type MediaKind = 'picture' | 'sound' | 'text'

const LARGEST_CONFIG = 16 * 1024 * 1024
const EXTENSIONS: Readonly<Record<MediaKind, RegExp>> = {
  picture: /\.(jpe?g|jfif|png|webp)$/i,
  sound: /\.wave?$/i,
  text: /\.(txt|jsonl|ndjson|tsv)$/i,
}
const PLURALS: Readonly<Record<MediaKind, string>> = { picture: 'pictures', sound: 'sounds', text: 'texts' }

/** One file. Undefined when it is none of these. */
export async function mediaFile(
  path: string,
  kind: ContentKind,
  inputs: readonly SessionInput[],
  options: MediaOptions,
): Promise<Media | undefined> {
  if (kind === 'picture' || kind === 'sound') return media(kind, [path], inputs, [], options)
  if (kind === 'other' && (await looksLikeText(path))) return media('text', [path], inputs, [], options)
  return undefined
}

/**
 * The files of a folder: the kind that most of them are of, by content. A file that only says by its name that it is of that
 * kind is a damaged one, and refused when it is read. Undefined when no file is of any kind.
 */
export async function mediaFolder(
  folder: string,
  paths: readonly string[],
  inputs: readonly SessionInput[],
  skipped: string[],
  options: MediaOptions,
): Promise<Media | undefined> {
  const kinds = new Map<string, MediaKind>()
  for (const path of paths) {
    const kind = await kindOfFile(path)
    if (kind === 'picture' || kind === 'sound') kinds.set(path, kind)
    else if (EXTENSIONS.text.test(path)) kinds.set(path, 'text')
  }
  const count = (kind: MediaKind) => [...kinds.values()].filter((found) => found === kind).length
  // Where nothing is what its name says, the name decides: the error then names the file.
  const named = (kind: MediaKind) => paths.filter((path) => EXTENSIONS[kind].test(path))
  const ranked = (['picture', 'sound', 'text'] as const).filter((kind) => count(kind) > 0 || named(kind).length > 0)
  const [kind] = ranked.sort((a, b) => count(b) - count(a))
  if (kind === undefined) return undefined
  const chosen = paths.filter((path) => kinds.get(path) === kind || (!kinds.has(path) && EXTENSIONS[kind].test(path)))
  const other = paths.filter((path) => !chosen.includes(path))
  if (other.length > 0) skipped.push(`${folder}: ${other.length} other files, such as ${basename(other[0]!)}`)
  return media(kind, chosen, inputs, skipped, options)
}

async function media(
  kind: MediaKind,
  paths: readonly string[],
  inputs: readonly SessionInput[],
  skipped: string[],
  options: MediaOptions,
): Promise<Media> {
  if (kind === 'text') {
    const notes = options.preprocess === undefined ? [] : ['--preprocess was not used: the data are texts']
    const tokenizer = options.tokenizer ?? (await besideModel(options.modelPath, 'tokenizer.json'))
    const found = await textItems(paths, inputs, tokenizer, skipped, options)
    return { items: found.items, notes: [...notes, ...found.notes], asBytes: false, facts: found.facts }
  }
  const notes = options.tokenizer === undefined ? [] : [`--tokenizer was not used: the data are ${PLURALS[kind]}`]
  const { preprocess, said } = await preprocessFor(kind, options)
  notes.push(...said)
  if (kind === 'sound') {
    if (preprocess.sound === undefined) throw wrongKind(preprocess, kind)
    const found = await soundItems(paths, inputs, preprocess.sound, skipped, options)
    return { items: found.items, notes: [...notes, ...found.notes], asBytes: false }
  }
  const { picture: recipe } = preprocess
  if (recipe === undefined) throw wrongKind(preprocess, kind)
  const items = pictureItems(paths, pictureInputOf(inputs, recipe), recipe, options.kernels)
  return { items, notes, asBytes: options.preprocess !== undefined && isRaw(recipe) }
}

async function preprocessFor(
  kind: 'picture' | 'sound',
  { preprocess, modelPath }: MediaOptions,
): Promise<{ readonly preprocess: Preprocess; readonly said: readonly string[] }> {
  if (preprocess !== undefined) return { preprocess: await parsePreprocess(preprocess, readConfig), said: [] }
  const beside = await besideModel(modelPath, 'preprocessor_config.json')
  if (beside !== undefined)
    return {
      preprocess: await parsePreprocess(beside, readConfig),
      said: [`--preprocess ${beside}, found beside the model`],
    }
  const text = kind === 'picture' ? 'raw' : 'wave'
  return {
    preprocess: { text, picture: PICTURE_PRESETS.get('raw')!, sound: SOUND_PRESETS.get('wave')! },
    said: [],
  }
}

/** In the model's folder, or above it when that is called `onnx`, as in Hugging Face layout. */
async function besideModel(modelPath: string | undefined, name: string): Promise<string | undefined> {
  if (modelPath === undefined) return undefined
  const folder = dirname(modelPath)
  const places = basename(folder) === 'onnx' ? [folder, dirname(folder)] : [folder]
  for (const place of places) {
    const path = join(place, name)
    if ((await stat(path).catch(() => undefined))?.isFile()) return path
  }
  return undefined
}

async function readConfig(path: string): Promise<string> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new TersorError('E_USAGE', `--preprocess: ${path}: no such file`, { where: path, cause })
  })
  if (!found.isFile()) throw new TersorError('E_USAGE', `--preprocess: ${path} is no file`, { where: path })
  if (found.size > LARGEST_CONFIG)
    throw new TersorError('E_LIMIT', `${path}: ${found.size} bytes; a configuration has at most ${LARGEST_CONFIG}`, {
      where: path,
    })
  return readFile(path, 'utf8')
}

function wrongKind({ text }: Preprocess, kind: 'picture' | 'sound'): TersorError {
  const presets = [...(kind === 'picture' ? PICTURE_PRESETS : SOUND_PRESETS).keys()].join(', ')
  return new TersorError(
    'E_USAGE',
    `--preprocess ${text.slice(0, 200)} is not for ${PLURALS[kind]}, which the data are`,
    {
      where: '--preprocess',
      hint: `for ${PLURALS[kind]} there are ${presets}`,
    },
  )
}
