import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TersorError } from '../../errors.ts'
import { wholeFile } from '../file-window.node.ts'
import { type PlainTokenizer, type TextTokenizer, textTokenizer } from './tokenizer.ts'

/** The largest tokenizers have some tens of megabytes. */
const LARGEST = 256 * 1024 * 1024

type Json = Readonly<Record<string, unknown>>

/** Reads `tokenizer.json`, and `tokenizer_config.json` beside it. E_UNSUPPORTED when @huggingface/tokenizers is not installed. */
export async function loadTokenizer(path: string): Promise<TextTokenizer> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new TersorError('E_USAGE', `--tokenizer: ${path}: no such file`, { where: path, cause })
  })
  const file = found.isDirectory() ? join(path, 'tokenizer.json') : path
  const content = await jsonOf(file)
  if (typeof content.model !== 'object' || content.model === null) {
    throw new TersorError('E_FORMAT', `${file}: expected a tokenizer.json, found no "model" in it`, { where: file })
  }
  const beside = join(dirname(file), 'tokenizer_config.json')
  const config = (await stat(beside).catch(() => undefined))?.isFile() ? await jsonOf(beside) : {}
  const { Tokenizer } = await library(file)
  let plain: PlainTokenizer
  try {
    plain = new Tokenizer(content, config)
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new TersorError('E_UNSUPPORTED', `${file}: @huggingface/tokenizers does not take it: ${said}`, {
      where: file,
      cause,
    })
  }
  return textTokenizer(plain, content, config, file)
}

async function jsonOf(path: string): Promise<Json> {
  const bytes = await wholeFile(path, LARGEST, 'a tokenizer')
  try {
    const data: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof data === 'object' && data !== null) return data as Json
  } catch (cause) {
    throw new TersorError('E_FORMAT', `${path} is not JSON: ${(cause as Error).message}`, { where: path, cause })
  }
  throw new TersorError('E_FORMAT', `${path}: expected a JSON object`, { where: path })
}

async function library(
  path: string,
): Promise<{ readonly Tokenizer: new (file: Json, config: Json) => PlainTokenizer }> {
  try {
    return (await import('@huggingface/tokenizers')) as unknown as Awaited<ReturnType<typeof library>>
  } catch (cause) {
    throw new TersorError(
      'E_UNSUPPORTED',
      `${path} is a tokenizer, and @huggingface/tokenizers, which reads it, is not installed`,
      { where: path, hint: 'npm install @huggingface/tokenizers, or give token ids as .npy', cause },
    )
  }
}
