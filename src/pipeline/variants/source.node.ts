import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { TersorError } from '../../errors.ts'
import type { LicenseFact } from '../../model/variants-report.ts'
import { partOf } from './dtypes.ts'
import { requireParts } from './parts.ts'

/** A float model of one or several parts, and what is beside it. */
export interface VariantSource {
  /** Where configuration and tokenizer are. */
  readonly root: string
  readonly parts: readonly { readonly name: string; readonly path: string }[]
  readonly config: Readonly<Record<string, unknown>> | undefined
  /** Model card as it is. */
  readonly card: string | undefined
  /** To copy as they are, below the root. */
  readonly beside: readonly string[]
  readonly license: LicenseFact
}

const BESIDE =
  /^((generation|tokenizer|preprocessor|processor|image_processor|video_preprocessor|feature_extractor|sentence_bert)_config|config_sentence_transformers|special_tokens_map|added_tokens|tokenizer|vocab|chat_template|modules)\.(json|txt|jinja)$|^(merges|vocab)\.txt$|\.(tiktoken|spm)$|^(spiece|sentencepiece(\.bpe)?|tokenizer)\.model$/i
const LICENSE = /^(LICEN[CS]E|COPYING|NOTICE|USE_POLICY)/i
const LARGEST_TEXT = 64 << 20

/**
 * A file, or a folder in Hugging Face layout: parts are its `.onnx` files, in `onnx/` or at the root, that carry no suffix of a
 * variant. E_USAGE when there is no float model, E_FORMAT when a part that others need is missing or `config.json` is not JSON.
 */
export function variantSource(input: string): VariantSource {
  if (/^https?:\/\//.test(input))
    throw new TersorError('E_UNSUPPORTED', 'variants of a model at an address are not made', {
      where: input,
      hint: 'download its folder first',
    })
  if (!existsSync(input)) throw new TersorError('E_USAGE', `there is no file or folder "${input}"`, { where: input })
  const folder = statSync(input).isDirectory()
  const root = folder ? input : basename(dirname(input)) === 'onnx' ? dirname(dirname(input)) : dirname(input)
  const config = jsonOf(join(root, 'config.json'))
  const parts = folder ? partsOf(input) : [{ name: nameOf(input), path: input }]
  if (folder)
    requireParts(
      parts.map(({ name }) => name),
      config ?? {},
      input,
    )
  // Snapshots of a cache are links.
  const names = readdirSync(root)
  const isFile = (name: string) => statSync(join(root, name), { throwIfNoEntry: false })?.isFile() === true
  const files = names.filter(isFile)
  const inner = names
    .filter((name) => /^\d+_\w+$/.test(name) && isFile(join(name, 'config.json')))
    .map((name) => join(name, 'config.json'))
  const card = files.find((name) => /^readme\.md$/i.test(name))
  const text = card === undefined ? undefined : textOf(join(root, card))
  return {
    root,
    parts,
    config,
    card: text,
    beside: [...files.filter((name) => BESIDE.test(name) || LICENSE.test(name)), ...inner].sort(),
    license: licenseOf(files.filter((name) => LICENSE.test(name)).sort(), text),
  }
}

/** A file of its own is `model`, whatever it is called, unless it has the name of a part. */
function nameOf(path: string): string {
  const { part } = partOf(basename(path))
  return PART.test(part) ? part : 'model'
}

const PART =
  /^(encoder_model|decoder_(with_past_)?model(_merged)?|(vision|text|audio)_(encoder|model)|embed_tokens|language_model|prompt_encoder_mask_decoder)$/

function partsOf(folder: string): VariantSource['parts'] {
  const places = [join(folder, 'onnx'), folder].filter((place) => existsSync(place) && statSync(place).isDirectory())
  const all = places.map((place) =>
    readdirSync(place, { withFileTypes: true })
      .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && /\.onnx$/i.test(entry.name))
      .map(({ name }) => ({ file: name, path: join(place, name), ...partOf(name) }))
      .sort((a, b) => (a.file < b.file ? -1 : 1)),
  )
  const found = all.find((files) => files.length > 0) ?? []
  // `model_O2.onnx` and the like are other forms of `model.onnx`.
  const form = (part: string) =>
    !PART.test(part) && found.some(({ part: other, suffix }) => suffix === '' && part.startsWith(`${other}_`))
  const float = found.filter(({ part, suffix }) => suffix === '' && !form(part))
  if (float.length > 0) return float.map(({ part, path }) => ({ name: part, path }))
  const names = found.map(({ file }) => file)
  throw new TersorError(
    'E_USAGE',
    names.length === 0
      ? `the folder "${folder}" holds no .onnx file, neither in onnx/ nor itself`
      : `the folder "${folder}" holds no float model, only ${names.slice(0, 6).join(', ')}`,
    { where: folder, hint: 'expected onnx/model.onnx, or onnx/encoder_model.onnx and its decoder' },
  )
}

/** The licence as a file, else the word that the card has for it. */
function licenseOf(files: readonly string[], card: string | undefined): LicenseFact {
  const [file] = files.filter((name) => /^(LICEN[CS]E|COPYING)/i.test(name))
  const head = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card ?? '')?.[1] ?? ''
  const name = /^license:[ \t]*["']?([^"'\r\n#]+)/m.exec(head)?.[1]?.trim()
  return { ...(file === undefined ? {} : { file }), ...(name === undefined || name === '' ? {} : { name }) }
}

function jsonOf(path: string): Readonly<Record<string, unknown>> | undefined {
  if (!existsSync(path)) return undefined
  let data: unknown
  try {
    data = JSON.parse(textOf(path))
  } catch (cause) {
    if (cause instanceof TersorError) throw cause
    throw new TersorError('E_FORMAT', `${path} is not JSON: ${(cause as Error).message}`, { where: path, cause })
  }
  if (typeof data === 'object' && data !== null && !Array.isArray(data))
    return data as Readonly<Record<string, unknown>>
  throw new TersorError('E_FORMAT', `${path}: expected a JSON object`, { where: path })
}

function textOf(path: string): string {
  const { size } = statSync(path)
  if (size > LARGEST_TEXT)
    throw new TersorError('E_LIMIT', `${path}: ${size} bytes; at most ${LARGEST_TEXT}`, { where: path })
  return readFileSync(path, 'utf8')
}
