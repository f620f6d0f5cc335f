import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { TextEnds } from './write-texts.ts'

type Json = Readonly<Record<string, unknown>>

const LARGEST = 64 * 1024 * 1024

/** What files of a Hugging Face folder say about texts of a model. */
export interface TextFactsOfModel extends TextEnds {
  /** Most tokens of a text. */
  readonly most?: number
}

/**
 * Start and end tokens and the context, from `generation_config.json`, `config.json`, `tokenizer_config.json` and `tokenizer.json` in the model's
 * folder, or above it where that is called `onnx`. Files that are missing or damaged say nothing.
 */
export async function textEndsBeside(modelPath: string): Promise<TextFactsOfModel> {
  const generation = await jsonBeside(modelPath, 'generation_config.json')
  const config = await jsonBeside(modelPath, 'config.json')
  const words = await jsonBeside(modelPath, 'tokenizer_config.json')
  const tokenizer = await jsonBeside(modelPath, 'tokenizer.json')
  const idOf = (token: unknown): readonly number[] => {
    const content = isJson(token) ? token.content : token
    const added = Array.isArray(tokenizer.added_tokens) ? (tokenizer.added_tokens as readonly unknown[]) : []
    return added.flatMap((one) => (isJson(one) && one.content === content ? idsOf(one.id) : []))
  }
  const starts = [generation.bos_token_id, config.bos_token_id].flatMap(idsOf)
  const [start] = [...starts, ...idOf(words.bos_token), ...firstSpecial(tokenizer)]
  const said = [generation.eos_token_id, config.eos_token_id].map(idsOf).find((ids) => ids.length > 0)
  const text = isJson(config.text_config) ? config.text_config : config
  const most = [text.max_position_embeddings, text.n_positions, text.n_ctx].flatMap(idsOf)[0]
  return {
    ...(start === undefined ? {} : { start }),
    ends: new Set(said ?? idOf(words.eos_token)),
    ...(most === undefined ? {} : { most }),
  }
}

/** The token that the tokenizer puts in front of a single text. */
function firstSpecial({ post_processor: processor }: Json): readonly number[] {
  if (!isJson(processor)) return []
  const all = Array.isArray(processor.processors) ? (processor.processors as readonly unknown[]) : [processor]
  return all.flatMap((one) => {
    if (!isJson(one) || !Array.isArray(one.single) || !isJson(one.special_tokens)) return []
    const [first] = one.single as readonly unknown[]
    const special = isJson(first) && isJson(first.SpecialToken) ? first.SpecialToken.id : undefined
    const entry = Object.entries(one.special_tokens).find(([name]) => name === special)?.[1]
    return isJson(entry) ? idsOf(entry.ids) : []
  })
}

/** A whole number, or several; anything else is nothing. */
function idsOf(value: unknown): readonly number[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.filter((id): id is number => typeof id === 'number' && Number.isSafeInteger(id) && id >= 0)
}

async function jsonBeside(modelPath: string, name: string): Promise<Json> {
  const folder = dirname(modelPath)
  for (const place of basename(folder) === 'onnx' ? [folder, dirname(folder)] : [folder]) {
    const path = join(place, name)
    const found = await stat(path).catch(() => undefined)
    if (!found?.isFile() || found.size > LARGEST) continue
    try {
      const data: unknown = JSON.parse(await readFile(path, 'utf8'))
      if (isJson(data)) return data
    } catch {
      return {}
    }
  }
  return {}
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
