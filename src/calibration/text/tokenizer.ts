import { TersorError } from '../../errors.ts'

/** Ids of one text, special tokens included, cut to a length. */
export interface Tokens {
  readonly ids: readonly number[]
  /** Segment of each token. */
  readonly types: readonly number[]
  /** Tokens before the cut. */
  readonly full: number
}

/** A whole text, and the special tokens that the tokenizer puts around any text. */
export interface WholeText {
  readonly before: readonly number[]
  readonly ids: readonly number[]
  readonly after: readonly number[]
}

export interface TextTokenizer {
  encode(text: string, most: number): Tokens
  /** Nothing is cut. */
  whole(text: string): WholeText
  /** Id that fills a row up. */
  readonly padding: number
  /** Longest row that the tokenizer itself makes, where it says so. */
  readonly most: number | undefined
}

/** What is used of the class in @huggingface/tokenizers. */
export interface PlainTokenizer {
  encode(
    text: string,
    options?: { readonly add_special_tokens?: boolean; readonly return_token_type_ids?: boolean },
  ): { readonly ids: readonly number[]; readonly token_type_ids?: readonly number[] }
  token_to_id(token: string): number | undefined
}

type Json = Readonly<Record<string, unknown>>

/** A tokenizer over the files `tokenizer.json` and, where there is one, `tokenizer_config.json`. */
export function textTokenizer(plain: PlainTokenizer, file: Json, config: Json, label: string): TextTokenizer {
  const padding = file.padding as { readonly pad_id?: unknown } | null | undefined
  const truncation = file.truncation as { readonly max_length?: unknown } | null | undefined
  const said = [truncation?.max_length, config.model_max_length].find(
    // A model without a limit says something like 1e30.
    (length): length is number => typeof length === 'number' && length >= 1 && length <= 1_000_000,
  )
  return {
    most: said,
    padding:
      typeof padding?.pad_id === 'number'
        ? padding.pad_id
        : (idOf(plain, config.pad_token) ?? idOf(plain, '[PAD]') ?? idOf(plain, '<pad>') ?? 0),
    encode: (text, most) => told(label, () => cut(plain, text, most)),
    whole: (text) =>
      told(label, () => {
        const { ids } = plain.encode(text)
        const { before, count } = inner(plain, text, ids)
        return {
          before: ids.slice(0, before),
          ids: ids.slice(before, before + count),
          after: ids.slice(before + count),
        }
      }),
  }
}

function told<T>(label: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new TersorError('E_FORMAT', `${label}: the tokenizer failed: ${said}`, { where: label, cause })
  }
}

/** Where the text itself lies among the special tokens around it. */
function inner(plain: PlainTokenizer, text: string, ids: readonly number[]) {
  const bare = plain.encode(text, { add_special_tokens: false }).ids
  const special = ids.length - bare.length
  let before = 0
  while (before < special && !bare.every((id, i) => ids[before + i] === id)) before += 1
  return { before, count: bare.length, special }
}

/** Cuts the text, not the special tokens around it. */
function cut(plain: PlainTokenizer, text: string, most: number): Tokens {
  const encoded = plain.encode(text, { return_token_type_ids: true })
  const { ids } = encoded
  const types = encoded.token_type_ids ?? ids.map(() => 0)
  const full = ids.length
  if (full <= most) return { ids, types, full }
  const { before, special } = inner(plain, text, ids)
  const after = special - before
  const kept = Math.max(0, most - special)
  const pick = (list: readonly number[]) =>
    [...list.slice(0, before + kept), ...(after > 0 ? list.slice(full - after) : [])].slice(0, most)
  return { ids: pick(ids), types: pick(types), full }
}

/** A token is a text, or an object with its content. */
function idOf(plain: PlainTokenizer, token: unknown): number | undefined {
  const content = typeof token === 'object' && token !== null && 'content' in token ? token.content : token
  return typeof content === 'string' ? plain.token_to_id(content) : undefined
}
