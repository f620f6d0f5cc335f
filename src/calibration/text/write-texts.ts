import { TersorError } from '../../errors.ts'
import { randomStream } from '../random.ts'
import { type Decoder, nextFeeds, type Scores, scoresOf, wholeFeeds } from './decoder-steps.ts'
import { drawToken } from './draw-token.ts'

/** What is known of how texts of a model begin and end. */
export interface TextEnds {
  /** The token in front of any text; undefined: texts begin with drawn tokens. */
  readonly start?: number
  /** Behind one of these a new text begins. */
  readonly ends: ReadonlySet<number>
}

export interface WriteAsk extends TextEnds {
  readonly count: number
  /** Tokens of each text. */
  readonly length: number
  /** Texts that are written side by side. */
  readonly batch: number
  /** Tokens are below it. */
  readonly vocabulary: number
  readonly seed: number
  /** Texts of different names differ. */
  readonly stream: string
  /** Each run reads one token behind its caches, not the whole text. */
  readonly cached: boolean
  readonly signal?: AbortSignal
  /** Called before each run: texts that are complete, and tokens of the ones being written. */
  readonly onStep?: (done: number, tokens: number) => void
}

/** Texts that a decoder writes: token by token, by chance from its own scores. E_RUNTIME where these are not finite. */
export async function writeTexts(decoder: Decoder, ask: WriteAsk): Promise<readonly (readonly number[])[]> {
  const { count, length, batch, vocabulary, seed, stream, start, ends, cached, signal, onStep } = ask
  const texts: number[][] = []
  while (texts.length < count) {
    const first = texts.length
    const randoms = Array.from({ length: Math.min(batch, count - first) }, (_, at) =>
      randomStream(seed, `${stream} ${first + at}`),
    )
    const rows = randoms.map((random) => [start ?? random.between(0, vocabulary - 1)])
    let before: Scores | undefined
    for (let tokens = 1; tokens < length; tokens += 1) {
      signal?.throwIfAborted()
      onStep?.(first, tokens)
      const feeds = cached && before ? nextFeeds(decoder, rows, before.results) : wholeFeeds(decoder, rows)
      const scores = await scoresOf(decoder, feeds, signal)
      // Models of a fixed length are fed more than there is.
      const at = cached && before ? 0 : tokens - 1
      for (const [index, row] of rows.entries()) {
        const from = (index * scores.tokens + at) * scores.vocabulary
        const token = drawToken(scores.values.subarray(from, from + scores.vocabulary), randoms[index]!)
        if (token === undefined) throw new TersorError('E_RUNTIME', 'its scores are not finite')
        const ended = row.length > 1 && ends.has(row.at(-1) as number)
        // Where one token is both, it is there already.
        row.push(ended && start !== undefined && !ends.has(start) ? start : Math.min(token, vocabulary - 1))
      }
      before = scores
    }
    texts.push(...rows)
  }
  return texts
}

/** Texts of which two tokens make nine tenths say nothing of a language. */
const MOST_OF_TWO = 0.9

/** Whether more than half of the texts are one or two tokens again and again. */
export function areCollapsed(texts: readonly (readonly number[])[]): boolean {
  const collapsed = texts.filter((text) => {
    const counts = new Map<number, number>()
    for (const token of text) counts.set(token, (counts.get(token) ?? 0) + 1)
    const [first = 0, second = 0] = [...counts.values()].sort((a, b) => b - a)
    return first + second >= MOST_OF_TWO * text.length
  })
  return collapsed.length * 2 > texts.length
}
