import { open } from 'node:fs/promises'
import { TersorError } from '../../errors.ts'
import type { Feeds, SessionInput } from '../../model/runtime.ts'
import type { SampleItem } from '../arrays-samples.ts'
import { wholeFile } from '../file-window.node.ts'
import { roleOf } from '../input-role.ts'
import { linesOf, type TextLine } from './lines.ts'
import { loadTokenizer } from './load-tokenizer.node.ts'
import { lengthOf, textFeeds, textInputsOf } from './text-input.ts'

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

/** A sample for each line. A model that takes text itself gets it as it is; else a tokenizer is needed. */
export async function textItems(
  paths: readonly string[],
  inputs: readonly SessionInput[],
  tokenizer: string | undefined,
  skipped: string[],
  { skipBad, tokenizer: said }: { readonly skipBad?: boolean; readonly tokenizer?: string },
): Promise<{ readonly items: readonly SampleItem[]; readonly notes: readonly string[] }> {
  const { feedsOf, gives, notes } = await feeder(paths[0]!, inputs, tokenizer, said !== undefined)
  const items: SampleItem[] = []
  for (const path of paths) {
    try {
      const lines = linesOf(await wholeFile(path, LARGEST_FILE, 'a text'), path)
      const targets = lines.some((line) => 'text' in line && line.target !== undefined)
      items.push({
        label: path,
        count: lines.length,
        gives,
        unused: targets && !inputs.some(({ name }) => /decoder/i.test(name)) ? ['"target"'] : [],
        async read(index) {
          const line = lines[index]!
          if ('error' in line) throw line.error
          const label = `${path}:${line.line}`
          return { label, feeds: feedsOf(line, label) }
        },
      })
    } catch (thrown) {
      if (skipBad !== true || !(thrown instanceof TersorError)) throw thrown
      skipped.push(thrown.message)
    }
  }
  return { items, notes }
}

interface Feeder {
  readonly feedsOf: (line: TextLine, label: string) => Feeds
  readonly gives: SampleItem['gives']
  readonly notes: readonly string[]
}

async function feeder(
  path: string,
  inputs: readonly SessionInput[],
  file: string | undefined,
  given: boolean,
): Promise<Feeder> {
  const plain = inputs.filter((input) => roleOf(input) === 'text')
  const [only] = plain
  if (only !== undefined && plain.length === 1) {
    const shape = only.shape.map(() => 1)
    return {
      feedsOf: ({ text }) => ({ [only.name]: { dtype: 'string', shape, data: [text] } }),
      gives: new Map([[only.name, 'string']]),
      notes: given ? ['--tokenizer was not used: the model takes text'] : [],
    }
  }
  const to = textInputsOf(inputs, path)
  if (file === undefined) {
    throw new TersorError('E_USAGE', `${path} is text, and there is no tokenizer for input "${to.ids.name}"`, {
      where: path,
      hint: 'add --tokenizer tokenizer.json, or give token ids as .npy',
    })
  }
  const tokenizer = await loadTokenizer(file)
  return {
    feedsOf: (line, label) => textFeeds(line, to, tokenizer, label),
    gives: new Map([to.ids, ...to.masks, ...to.types].map(({ name, dtype }) => [name, dtype])),
    notes: [
      ...(given ? [] : [`--tokenizer ${file}, found beside the model`]),
      `texts are cut to ${lengthOf(to, tokenizer)} tokens`,
    ],
  }
}
