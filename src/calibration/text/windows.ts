import { TersorError } from '../../errors.ts'
import type { SessionInput } from '../../model/runtime.ts'
import type { TextTokenizer } from './tokenizer.ts'

/** How a text becomes windows of tokens. */
export interface WindowOptions {
  /** Tokens of a window, special tokens at its beginning included. */
  readonly context: number
  /** Tokens from one window to the next; default all that a window holds of the text, so that none is in two. */
  readonly stride?: number
}

/** One window. */
export interface TokenWindow {
  readonly ids: readonly number[]
  /** Tokens in front that an earlier window has counted, and special ones. */
  readonly contextTokens: number
}

/** Pieces that are tokenized as one text: a tokenizer takes more than linear time. */
const PIECE = 128 * 1024
const MOST_PIECES = 4

/**
 * Windows over a whole text: the special tokens that stand before any text, then as many of its tokens as fit; what does not fill a
 * window is left out. Long texts are read in evenly spread pieces, cut at line ends. E_FORMAT when no window is filled.
 */
export function windowsOf(
  text: string,
  tokenizer: TextTokenizer,
  options: WindowOptions,
  label: string,
): { readonly windows: readonly TokenWindow[]; readonly notes: readonly string[] } {
  const pieces = piecesOf(text)
  const chosen = pieces.filter((_, i) => {
    const most = Math.min(pieces.length, MOST_PIECES)
    return Math.floor((i * most) / pieces.length) !== Math.floor(((i - 1) * most) / pieces.length)
  })
  const windows = chosen.flatMap((piece) => windowsIn(tokenizer.whole(piece), options))
  if (windows.length === 0) {
    throw new TersorError('E_FORMAT', `${label}: the text has too few tokens for one window of ${options.context}`, {
      where: label,
      hint: 'give more text, or a smaller --context',
    })
  }
  return {
    windows,
    notes:
      chosen.length < pieces.length
        ? [`${label}: ${chosen.length} of ${pieces.length} pieces of the text were read, evenly spread`]
        : [],
  }
}

/** `--context` and `--stride` together; E_USAGE when one of them cannot be. */
export function checkWindows({ context, stride }: WindowOptions, { shape, name }: SessionInput): void {
  const wrong = (what: string, hint: string) => new TersorError('E_USAGE', what, { where: '--context', hint })
  if (!(context >= 2 && context <= 1_000_000))
    throw wrong(`--context ${context}: expected 2 tokens or more`, 'such as 256')
  const fixed = shape.at(-1)
  if (typeof fixed === 'number' && fixed !== context)
    throw wrong(`--context ${context}: input "${name}" takes ${fixed} tokens`, `use --context ${fixed}`)
  if (stride !== undefined && !(stride >= 1 && stride < context))
    throw wrong(
      `--stride ${stride}: expected 1 to ${context - 1}, less than a window`,
      'leave it out: no token is in two windows',
    )
}

/** How it is said in reports. */
export function windowsText({ before }: { readonly before: number }, { context, stride }: WindowOptions): string {
  const first = before > 0 ? ` (${before} special, ${context - before} of the text)` : ''
  return `windows of ${context} tokens${first}, stride ${stride ?? context - before}`
}

function windowsIn(
  { before, ids }: { readonly before: readonly number[]; readonly ids: readonly number[] },
  { context, stride }: WindowOptions,
): TokenWindow[] {
  const held = context - before.length
  if (held < 1) return []
  const step = Math.min(stride ?? held, held)
  const windows: TokenWindow[] = []
  for (let start = 0; start + held <= ids.length; start += step) {
    windows.push({
      ids: [...before, ...ids.slice(start, start + held)],
      contextTokens: start === 0 ? Math.max(1, before.length) : context - step,
    })
  }
  return windows
}

function piecesOf(text: string): readonly string[] {
  const pieces: string[] = []
  for (let start = 0; start < text.length; ) {
    let end = Math.min(text.length, start + PIECE)
    if (end < text.length) {
      const line = text.lastIndexOf('\n', end)
      if (line > start) end = line + 1
    }
    pieces.push(text.slice(start, end))
    start = end
  }
  return pieces
}
