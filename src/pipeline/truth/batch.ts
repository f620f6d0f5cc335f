import { TersorError } from '../../errors.ts'
import { embeddingOutput, embeddingsOf, type KindHints, numbersOf, pairOf } from '../../evaluation/index.ts'
import type { Feeds, RuntimeSession, Sample, Value } from '../../model/runtime.ts'
import type { BatchDistance, BatchFigures } from '../../model/truth.ts'
import { isFloat } from '../../numbers/dtype.ts'
import { batchOf } from './batch-feeds.ts'

/** What one model says of texts alone and in a batch. */
export interface BatchFacts extends BatchDistance {
  readonly output: string
  readonly texts: number
}

/**
 * Runs some texts alone and in one padded batch. Undefined where the samples are no texts, where the model takes one
 * text only, or does not run on a batch of them.
 */
export async function batchFacts(
  session: RuntimeSession,
  samples: readonly Sample[],
  hints: KindHints,
  signal?: AbortSignal,
): Promise<BatchFacts | undefined> {
  const batch = batchOf(samples, session.inputs)
  if (batch === undefined) return undefined
  let all: Feeds
  try {
    all = await session.run(batch.feeds, signal)
  } catch (thrown) {
    if (signal?.aborted || !(thrown instanceof TersorError) || thrown.code !== 'E_RUNTIME') throw thrown
    return undefined
  }
  const together: Sample = { label: 'batch', feeds: batch.feeds }
  let facts: BatchFacts | undefined
  for (const [text, sample] of batch.samples.entries()) {
    const alone = await session.run(sample.feeds, signal)
    const read = readerFor(sample, alone, hints)
    if (read === undefined) return undefined
    const found = distance(read.row(sample, alone, 0), read.row(together, all, text))
    facts = {
      output: read.name,
      texts: batch.samples.length,
      cosine: Math.min(facts?.cosine ?? 1, found.cosine),
      difference: Math.max(facts?.difference ?? 0, found.difference),
    }
  }
  return facts
}

export function batchFigures(float: BatchFacts, quantized: BatchFacts): BatchFigures {
  const plain = ({ cosine, difference }: BatchFacts): BatchDistance => ({ cosine, difference })
  return { output: float.output, texts: float.texts, float: plain(float), quantized: plain(quantized) }
}

/** Float itself moves by rounding; what the batch does to scales of activations is far above that. */
const LEAST_NOTED = 1e-3
const TIMES_FLOAT = 10

/** A sentence where the result depends on what is beside a text, and float does not. */
export function batchNote({ output, float, quantized }: BatchFigures): string | undefined {
  if (quantized.difference < LEAST_NOTED || quantized.difference < float.difference * TIMES_FLOAT) return undefined
  const percent = (share: number) => `${(100 * share).toPrecision(2)} %`
  return `"${output}" of a text depends on the batch it is in: alone and in a padded batch differ by up to ${percent(
    quantized.difference,
  )} (float ${percent(float.difference)}), as activations share a scale with their neighbours`
}

interface Reader {
  readonly name: string
  row(sample: Sample, outputs: Feeds, text: number): ArrayLike<number>
}

/** What a text comes down to: its embedding, else the values of its own tokens in the output that scores them, else in the first float output. */
function readerFor(sample: Sample, outputs: Feeds, hints: KindHints): Reader | undefined {
  const scored = pairOf(sample, outputs, hints)?.name
  const embedding = scored === undefined ? embeddingOutput(sample, outputs, hints) : undefined
  if (embedding !== undefined) {
    return { name: embedding.name, row: ({ feeds }, found, text) => embeddingsOf(embedding, feeds, found)[text] ?? [] }
  }
  const name =
    scored ?? Object.keys(outputs).find((one) => isFloat(outputs[one]!.dtype) && outputs[one]!.shape[0] === 1)
  if (name === undefined) return undefined
  const { shape } = outputs[name] as Value
  const own = shape.slice(1).reduce((product, size) => product * size, 1)
  return {
    name,
    row(_sample, found, text) {
      const value = found[name] as Value
      const numbers = numbersOf(value, name)
      const each = numbers.length / (value.shape[0] ?? 1)
      // Tokens of the text come first, filling behind them.
      return numbers.subarray(text * each, text * each + Math.min(own, each))
    },
  }
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): BatchDistance {
  let [aa, bb, ab, dd] = [0, 0, 0, 0]
  for (let i = 0; i < a.length; i += 1) {
    const [x, y] = [a[i]!, b[i] ?? Number.NaN]
    aa += x * x
    bb += y * y
    ab += x * y
    dd += (x - y) * (x - y)
  }
  if (!Number.isFinite(dd)) return { cosine: -1, difference: Number.MAX_VALUE }
  if (aa === 0 || bb === 0) return { cosine: aa === bb ? 1 : 0, difference: aa === bb ? 0 : 1 }
  return { cosine: Math.min(1, ab / Math.sqrt(aa * bb)), difference: Math.sqrt(dd / aa) }
}
