import { open } from 'node:fs/promises'
import { TersorError } from '../../errors.ts'
import type { Feeds, SessionInput } from '../../model/runtime.ts'
import type { ScoredPair } from '../../model/truth.ts'
import type { SampleItem } from '../arrays-samples.ts'
import { wholeFile } from '../file-window.node.ts'
import { roleOf } from '../input-role.ts'
import { DEFAULT_SAMPLES } from '../samples.ts'
import { isObject, linesOf, plainLines, type TextLine, textOf } from './lines.ts'
import { loadTokenizer } from './load-tokenizer.node.ts'
import { pairsOf } from './pairs.ts'
import { lengthOf, textFeeds, textInputsOf, tokenFeeds } from './text-input.ts'
import { checkWindows, type WindowOptions, windowsOf, windowsText } from './windows.ts'

const LARGEST_FILE = 256 * 1024 * 1024
const PEEK = 4096

/** Whether the start of a file is UTF-8 without control characters. */
export async function looksLikeText(path: string): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const { bytesRead, buffer } = await file.read(new Uint8Array(PEEK), 0, PEEK, 0)
    if (bytesRead === 0) return false
    // The last character may be cut.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead), { stream: true })
    return !/[\u0000-\u0008\u000e-\u001a\u007f]/.test(text)
  } catch (thrown) {
    if (thrown instanceof TypeError) return false
    throw thrown
  } finally {
    await file.close()
  }
}

/** What to say about texts besides their samples. */
export interface TextFacts {
  /** How texts became rows of tokens. */
  readonly rows?: string
  /** Texts by twos with a score, by position among all samples of the items. */
  readonly pairs?: readonly ScoredPair[]
  /** Samples to take instead of what was asked for: those of the pairs that were. */
  readonly samples?: number
}

export interface TextItemOptions {
  readonly skipBad?: boolean
  /** What `--tokenizer` says. */
  readonly tokenizer?: string
  readonly context?: number
  readonly stride?: number
  readonly samples?: number
}

/**
 * A sample for each line; for each text of a file of scored pairs; for each window of tokens where a context is given. A model that
 * takes text itself gets it as it is; else a tokenizer is needed.
 */
export async function textItems(
  paths: readonly string[],
  inputs: readonly SessionInput[],
  tokenizer: string | undefined,
  skipped: string[],
  options: TextItemOptions,
): Promise<{ readonly items: readonly SampleItem[]; readonly notes: readonly string[]; readonly facts: TextFacts }> {
  const fed = await feeder(paths[0]!, inputs, tokenizer, options)
  const items: SampleItem[] = []
  const notes = [...fed.notes]
  const pairs: ScoredPair[] = []
  let before = 0
  let single = false
  for (const path of paths) {
    try {
      const bytes = await wholeFile(path, LARGEST_FILE, 'a text')
      const read = await itemOf(path, bytes, inputs, fed, options)
      pairs.push(
        ...read.pairs.map(({ first, second, score }) => ({ first: before + first, second: before + second, score })),
      )
      single ||= read.pairs.length === 0
      notes.push(...read.notes)
      items.push(read.item)
      before += read.item.count
    } catch (thrown) {
      if (options.skipBad !== true || !(thrown instanceof TersorError)) throw thrown
      skipped.push(thrown.message)
    }
  }
  return {
    items,
    notes,
    facts: {
      ...(fed.rows === undefined ? {} : { rows: fed.rows }),
      ...(pairs.length === 0 ? {} : { pairs, ...(single ? {} : { samples: before }) }),
    },
  }
}

interface ReadText {
  readonly item: SampleItem
  readonly pairs: readonly ScoredPair[]
  readonly notes: readonly string[]
}

async function itemOf(
  path: string,
  bytes: Uint8Array,
  inputs: readonly SessionInput[],
  { feedsOf, windows, gives }: Feeder,
  { samples = DEFAULT_SAMPLES }: TextItemOptions,
): Promise<ReadText> {
  const label = (line: number) => `${path}:${line}`
  if (windows !== undefined) {
    const cut = windows(joined(bytes, path), path)
    const read = async (index: number) => ({ label: `${path}, window ${index + 1}`, ...cut.at(index) })
    return { item: { label: path, count: cut.count, gives, unused: [], read }, pairs: [], notes: cut.notes }
  }
  const table = pairsOf(textOf(bytes, path), path, samples)
  const lines = table?.texts ?? linesOf(bytes, path)
  const targets = lines.some((line) => 'text' in line && line.target !== undefined)
  const item: SampleItem = {
    label: path,
    count: lines.length,
    gives,
    unused: targets && !inputs.some(({ name }) => /decoder/i.test(name)) ? ['"target"'] : [],
    async read(index) {
      const line = lines[index]!
      if ('error' in line) throw line.error
      return { label: label(line.line), feeds: feedsOf(line, label(line.line)) }
    },
  }
  if (table === undefined) return { item, pairs: [], notes: [] }
  const { columns, found, pairs, texts } = table
  return {
    item,
    pairs,
    notes: [`${path}: ${pairs.length} of ${found} pairs (${columns.join(', ')}), ${texts.length} different texts`],
  }
}

/** All of a file as one text; of JSON lines what they say, a line each. */
function joined(bytes: Uint8Array, path: string): string {
  const text = textOf(bytes, path)
  if (!isObject(plainLines(text)[0]?.content ?? '')) return text
  const lines = linesOf(bytes, path).map((line) => {
    if ('error' in line) throw line.error
    return line.text
  })
  return lines.join('\n')
}

interface Feeder {
  readonly feedsOf: (line: TextLine, label: string) => Feeds
  /** A whole text in windows, where that was asked for. */
  readonly windows?: (
    text: string,
    label: string,
  ) => {
    readonly count: number
    readonly at: (index: number) => { readonly feeds: Feeds; readonly contextTokens: number }
    readonly notes: readonly string[]
  }
  readonly gives: SampleItem['gives']
  readonly rows?: string
  readonly notes: readonly string[]
}

async function feeder(
  path: string,
  inputs: readonly SessionInput[],
  file: string | undefined,
  { tokenizer: given, context, stride }: TextItemOptions,
): Promise<Feeder> {
  const plain = inputs.filter((input) => roleOf(input) === 'text')
  const [only] = plain
  if (only !== undefined && plain.length === 1) {
    const shape = only.shape.map(() => 1)
    return {
      feedsOf: ({ text }) => ({ [only.name]: { dtype: 'string', shape, data: [text] } }),
      gives: new Map([[only.name, 'string']]),
      notes: given === undefined ? [] : ['--tokenizer was not used: the model takes text'],
    }
  }
  const to = textInputsOf(inputs, path)
  if (file === undefined) {
    throw new TersorError('E_USAGE', `${path} is text, and there is no tokenizer for input "${to.ids.name}"`, {
      where: path,
      hint: 'add --tokenizer tokenizer.json, or give token ids as .npy',
    })
  }
  if (stride !== undefined && context === undefined) {
    throw new TersorError('E_USAGE', '--stride is from window to window, and there are none', {
      where: '--stride',
      hint: 'add --context 256, the tokens of a window',
    })
  }
  const tokenizer = await loadTokenizer(file)
  const found = given === undefined ? [`--tokenizer ${file}, found beside the model`] : []
  const gives = new Map([to.ids, ...to.masks, ...to.types].map(({ name, dtype }) => [name, dtype]))
  const feedsOf: Feeder['feedsOf'] = (line, label) => textFeeds(line, to, tokenizer, label)
  if (context === undefined) {
    const rows = `a text each, cut to ${lengthOf(to, tokenizer)} tokens`
    return { feedsOf, gives, rows, notes: [...found, `texts are cut to ${lengthOf(to, tokenizer)} tokens`] }
  }
  const wanted: WindowOptions = { context, ...(stride === undefined ? {} : { stride }) }
  checkWindows(wanted, to.ids)
  const rows = windowsText({ before: tokenizer.whole('a').before.length }, wanted)
  return {
    feedsOf,
    gives,
    rows,
    notes: [...found, `texts are joined to ${rows}`],
    windows(text, label) {
      const { windows, notes } = windowsOf(text, tokenizer, wanted, label)
      return {
        count: windows.length,
        notes,
        at: (index) => {
          const { ids, contextTokens } = windows[index]!
          const tokens = { ids, types: ids.map(() => 0) }
          return { feeds: Object.fromEntries(tokenFeeds(tokens, to, tokenizer.padding)), contextTokens }
        },
      }
    },
  }
}
