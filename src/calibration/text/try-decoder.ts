import { TersorError } from '../../errors.ts'
import { randomStream } from '../random.ts'
import { type Decoder, nextFeeds, type Scores, scoresOf, wholeFeeds } from './decoder-steps.ts'

/** How a decoder can be run to write. */
export interface DecoderWay {
  /** Tokens that it takes at once. */
  readonly length: number
  /** Rows that it takes at once. */
  readonly batch: number
  readonly vocabulary: number
  /** Its caches give what the whole text gives. */
  readonly cached: boolean
}

/** Sums in another order may differ by so much of the largest score. */
const CLOSE = 1e-3
const CACHED_TOKENS = 4

/**
 * Runs a decoder on drawn tokens: which of `lengths` and `batches` it takes (the first ones that run), whether what it says of a token hangs on
 * no later one, and whether its caches can be used. A sentence where it cannot write: it reads both ways, or does not run.
 */
export async function tryDecoder(
  decoder: Decoder,
  lengths: readonly number[],
  batches: readonly number[],
  tokens: number,
  signal?: AbortSignal,
): Promise<DecoderWay | string> {
  let said = ''
  for (const length of lengths) {
    for (const batch of batches) {
      const random = randomStream(0, 'try')
      const rows = Array.from({ length: batch }, () =>
        Array.from({ length }, () => random.between(0, Math.max(0, tokens - 1))),
      )
      const whole = await attempt(() => scoresOf(decoder, wholeFeeds(decoder, rows), signal), signal)
      if (typeof whole === 'string') {
        said = whole
        continue
      }
      const changed = rows.map((row) => [...row.slice(0, -1), ((row.at(-1) as number) + 1) % Math.max(2, tokens)])
      const other = await attempt(() => scoresOf(decoder, wholeFeeds(decoder, changed), signal), signal)
      if (typeof other === 'string') return other
      if (!givesChances(whole)) return 'its scores are not finite'
      if (!same(whole, other, 0, length - 1)) return 'what it says of a token depends on later ones'
      const vocabulary = Math.min(tokens, whole.vocabulary)
      return { length, batch, vocabulary, cached: await cachesWork(decoder, rows, whole, signal) }
    }
  }
  return said
}

/** Token by token behind its caches, against the same tokens at once. */
async function cachesWork(
  decoder: Decoder,
  rows: readonly (readonly number[])[],
  whole: Scores,
  signal?: AbortSignal,
): Promise<boolean> {
  if (decoder.caches.length === 0 || decoder.to.length !== undefined || decoder.to.ids.shape.length !== 2) return false
  let before: Scores | undefined
  for (let tokens = 1; tokens <= Math.min(CACHED_TOKENS, rows[0]?.length ?? 0); tokens += 1) {
    const read = rows.map((row) => row.slice(0, tokens))
    const next = await attempt(
      async () =>
        scoresOf(decoder, before ? nextFeeds(decoder, read, before.results) : wholeFeeds(decoder, read), signal),
      signal,
    )
    if (typeof next === 'string' || !decoder.caches.every(({ output }) => next.results[output])) return false
    if (!closeAt(whole, tokens - 1, next, before ? 0 : tokens - 1)) return false
    before = next
  }
  return true
}

async function attempt(run: () => Promise<Scores>, signal?: AbortSignal): Promise<Scores | string> {
  try {
    return await run()
  } catch (thrown) {
    if (signal?.aborted || !(thrown instanceof TersorError) || thrown.code === 'E_INTERNAL') throw thrown
    return thrown.message
  }
}

function givesChances({ values }: Scores): boolean {
  return values.every((value) => !Number.isNaN(value) && value < Number.POSITIVE_INFINITY)
}

function same(a: Scores, b: Scores, from: number, to: number): boolean {
  for (let token = from; token < to; token += 1) if (!closeAt(a, token, b, token)) return false
  return true
}

function closeAt(a: Scores, tokenA: number, b: Scores, tokenB: number): boolean {
  if (a.vocabulary !== b.vocabulary || a.rows !== b.rows) return false
  for (let row = 0; row < a.rows; row += 1) {
    const [fromA, fromB] = [(row * a.tokens + tokenA) * a.vocabulary, (row * b.tokens + tokenB) * b.vocabulary]
    let [most, apart] = [0, 0]
    for (let at = 0; at < a.vocabulary; at += 1) {
      const [x, y] = [a.values[fromA + at]!, b.values[fromB + at]!]
      // Tokens that are ruled out have -infinity.
      if (x === y) continue
      most = Math.max(most, Math.abs(x), Math.abs(y))
      apart = Math.max(apart, Math.abs(x - y))
    }
    if (!(apart <= CLOSE * most)) return false
  }
  return true
}
