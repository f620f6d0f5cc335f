import { TersorError } from '../errors.ts'
import type { Feeds, Sample, Value } from '../model/runtime.ts'
import { isFloat } from '../numbers/dtype.ts'
import { log2 } from '../numbers/log2.ts'
import { type Numbers, numbersOf } from './elements.ts'
import { expNegative } from './exponential.ts'
import type { MetricMeter } from './metric.ts'
import { type KindHints, outputShapeOf } from './output-kind.ts'

/** A probability that rounded to zero is taken for this. */
const LEAST_PROBABILITY = 1e-12
const SCORES = /logit|score|prob|lm_head|next_token/i
const BESIDE = /mask|token_type|segment|position/i

/**
 * Bits per token of the text that is fed: the mean of -log2 of the probability that a model gives to the next id of its own input
 * (per character where tokens are characters). E_USAGE where no output has a row of scores for each id of an input.
 */
export function bitsMeter(hints: KindHints = {}): MetricMeter {
  const bits = { float: 0, quantized: 0 }
  let tokens = 0
  let left = 0
  return {
    add(sample, float, quantized) {
      const found = pairOf(sample, float, hints)
      if (found === undefined) {
        left += 1
        return
      }
      const { ids, name, classes, probabilities } = found
      const counted = idsOf(ids)
      const steps = ids.shape.at(-1) as number
      const [a, b] = [numbersOf(float[name]!, name), numbersOf(quantized[name]!, name)]
      for (const [position, next] of counted.entries()) {
        // The first id of a line is nobody's next.
        if (position % steps === 0) continue
        const start = (position - 1) * classes
        bits.float += bitsOf(a, start, classes, next, probabilities)
        bits.quantized += bitsOf(b, start, classes, next, probabilities)
        tokens += 1
      }
    },
    facts() {
      if (tokens === 0)
        throw new TersorError('E_USAGE', 'bits need ids as an input and scores for each of them as an output', {
          where: '--metric bits',
          hint: 'for language models that score the whole line; kl compares scores with float',
        })
      const mean = (sum: number) => sum / tokens
      return {
        name: 'bits',
        float: mean(bits.float),
        quantized: mean(bits.quantized),
        higherIsBetter: false,
        samples: tokens,
      }
    },
    examples: () => [],
    notes: () => (left === 0 ? [] : [`bits: ${left} samples hold no line of two ids or more; not counted`]),
  }
}

export interface ScoredLine {
  readonly ids: Value
  /** The output with a row of `classes` scores an id. */
  readonly name: string
  readonly classes: number
  readonly probabilities: boolean
}

/** An integer input [N, S] and an output [N, S, classes] that scores each of its ids. */
export function pairOf({ feeds }: Sample, outputs: Feeds, hints: KindHints): ScoredLine | undefined {
  for (const [name, value] of Object.entries(outputs)) {
    const classes = value.shape.at(-1) ?? 0
    if (!isFloat(value.dtype) || value.shape.length < 2 || classes < 2) continue
    // Hidden states have a row for each id, too.
    if (hints.vocabulary !== undefined && classes !== hints.vocabulary && !SCORES.test(name)) continue
    const lines = value.shape.slice(0, -1)
    for (const ids of idsFirst(feeds)) {
      if (ids.dtype !== 'i64' && ids.dtype !== 'i32') continue
      if (String(ids.shape) !== String(lines) || (lines.at(-1) ?? 0) < 2) continue
      if (idsOf(ids).some((id) => !(id >= 0 && id < classes))) continue
      return { ids, name, classes, probabilities: outputShapeOf(name, value, hints).probabilities }
    }
  }
  return undefined
}

/** A mask, segments and places have the shape of ids, too; of two texts the one that is written is scored. */
function idsFirst(feeds: Feeds): readonly Value[] {
  const rank = (name: string) => (/decoder.*ids/i.test(name) ? 0 : /ids/i.test(name) ? 1 : 2)
  return Object.entries(feeds)
    .filter(([name]) => !BESIDE.test(name))
    .sort(([one], [other]) => rank(one) - rank(other))
    .map(([, value]) => value)
}

export function idsOf(ids: Value): readonly number[] {
  return [...numbersOf(ids, 'ids')]
}

function bitsOf(scores: Numbers, start: number, classes: number, wanted: number, probabilities: boolean): number {
  if (probabilities) return -log2(Math.max(scores[start + wanted]!, LEAST_PROBABILITY))
  let peak = Number.NEGATIVE_INFINITY
  for (let i = start; i < start + classes; i += 1) if (scores[i]! > peak) peak = scores[i]!
  let sum = 0
  for (let i = start; i < start + classes; i += 1) sum += expNegative(scores[i]! - peak)
  return log2(sum) - (scores[start + wanted]! - peak) * Math.LOG2E
}
