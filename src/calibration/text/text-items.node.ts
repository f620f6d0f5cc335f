import { TersorError } from '../../errors.ts'
import type { SessionInput } from '../../model/runtime.ts'
import type { SampleItem } from '../arrays-samples.ts'

export async function looksLikeText(path: string): Promise<boolean> {
  return /\.(txt|jsonl)$/.test(path)
}

export async function textItems(
  paths: readonly string[],
  _inputs: readonly SessionInput[],
  _tokenizer: string | undefined,
  _skipped: string[],
  _options: { readonly skipBad?: boolean },
): Promise<{ readonly items: readonly SampleItem[]; readonly notes: readonly string[] }> {
  throw new TersorError('E_UNSUPPORTED', `${paths[0]}: texts are not read yet`)
}
