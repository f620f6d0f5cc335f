import type { Feeds, Sample } from '../model/runtime.ts'
import type { LanguageFigures } from '../model/truth.ts'
import { idsOf, pairOf } from './bits.ts'
import { curveOf, growing, quantile } from './curves.ts'
import { type Numbers, numbersOf } from './elements.ts'
import { expNegative } from './exponential.ts'
import { maskFor } from './masks.ts'
import type { KindHints } from './output-kind.ts'
import { scoreRow } from './score-row.ts'

/** Places that share a mean in the curve by place. */
const PLACES = 24

export interface LanguageMeter {
  add(sample: Sample, float: Feeds, quantized: Feeds): void
  /** Undefined where no output scores the ids of an input. */
  figures(text?: string): LanguageFigures | undefined
}

/**
 * Figures of models that score every token of what they are fed: divergence, agreement, perplexity with standard errors (tokens
 * taken as independent; the error of the difference by the delta method with the covariance of both losses), and the change of the right token's
 * probability. Counted is every position whose next token is in the line, is not masked, and is not there as context only.
 */
export function languageMeter(hints: KindHints = {}): LanguageMeter {
  const kl = growing()
  const change = growing()
  const places: { rows: number; sum: number }[] = []
  const loss = { float: 0, quantized: 0, floatSquares: 0, quantizedSquares: 0, products: 0 }
  let own = 0
  let [lines, top1, top5, longest] = [0, 0, 0, 0]
  let output: string | undefined

  const addRow = (
    a: Numbers,
    b: Numbers,
    row: number,
    classes: number,
    given: number,
    next: number,
    plain: boolean,
  ) => {
    const start = row * classes
    const found = scoreRow(a, b, start, classes, next, given, plain)
    if (found === undefined) return undefined
    kl.push(found.kl)
    change.push(expNegative(-found.quantizedLoss) - expNegative(-found.floatLoss))
    loss.float += found.floatLoss
    loss.quantized += found.quantizedLoss
    loss.floatSquares += found.floatLoss * found.floatLoss
    loss.quantizedSquares += found.quantizedLoss * found.quantizedLoss
    loss.products += found.floatLoss * found.quantizedLoss
    own += found.ownLoss
    top1 += found.sameFirst ? 1 : 0
    top5 += found.sameFive
    return found.kl
  }

  return {
    add(sample, float, quantized) {
      const found = pairOf(sample, float, hints)
      const other = found && quantized[found.name]
      if (found === undefined || other === undefined || String(other.shape) !== String(float[found.name]!.shape)) return
      output ??= found.name
      if (found.name !== output) return
      const ids = idsOf(found.ids)
      const steps = found.ids.shape.at(-1) as number
      const mask = maskFor(found.ids, sample.feeds)
      const [a, b] = [numbersOf(float[output]!, output), numbersOf(other, output)]
      const context = Math.max(1, sample.contextTokens ?? 1)
      for (let line = 0; line * steps < ids.length; line += 1) {
        lines += 1
        for (let place = context; place < steps; place += 1) {
          const at = line * steps + place
          if (mask !== undefined && (mask[at] === 0 || mask[at - 1] === 0)) continue
          const row = addRow(a, b, at - 1, found.classes, ids[at - 1]!, ids[at]!, found.probabilities)
          if (row === undefined) continue
          longest = Math.max(longest, place)
          places[place] ??= { rows: 0, sum: 0 }
          places[place]!.rows += 1
          places[place]!.sum += row
        }
      }
    },
    figures(text) {
      const count = kl.length()
      if (output === undefined || count === 0) return undefined
      const divergences = kl.sorted()
      const changes = change.sorted()
      const mean = (sum: number) => sum / count
      // Masked models say the token itself, and are sure of it; a causal one seldom repeats what it has just read.
      const causal = loss.float < 2 * own
      return {
        output,
        lines,
        positions: count,
        ...(text === undefined ? {} : { text }),
        kl: {
          mean: kl.mean(),
          standardError: kl.standardError(),
          p99: quantile(divergences, 0.99),
          max: divergences.at(-1) as number,
        },
        top1Agreement: mean(top1),
        top5Agreement: mean(top5),
        ...(causal
          ? { perplexity: perplexityOf(loss, count), rightToken: { mean: change.mean(), rms: change.rms() } }
          : {}),
        curves: {
          kl: curveOf(divergences),
          byPlace: byPlace(places, longest),
          change: causal ? curveOf(changes) : [],
        },
      }
    },
  }
}

interface Losses {
  readonly float: number
  readonly quantized: number
  readonly floatSquares: number
  readonly quantizedSquares: number
  readonly products: number
}

function perplexityOf(loss: Losses, count: number): NonNullable<LanguageFigures['perplexity']> {
  const [a, b] = [loss.float / count, loss.quantized / count]
  // Of the mean of so many losses.
  const spread = (products: number, left: number, right: number) =>
    count < 2 ? 0 : (products / count - left * right) / (count - 1)
  const [float, quantized] = [exponential(a), exponential(b)]
  const floatVariance = Math.max(0, spread(loss.floatSquares, a, a))
  const quantizedVariance = Math.max(0, spread(loss.quantizedSquares, b, b))
  const together = spread(loss.products, a, b)
  const variance =
    float * float * floatVariance + quantized * quantized * quantizedVariance - 2 * float * quantized * together
  return {
    float,
    floatError: float * Math.sqrt(floatVariance),
    quantized,
    quantizedError: quantized * Math.sqrt(quantizedVariance),
    difference: quantized - float,
    differenceError: Math.sqrt(Math.max(0, variance)),
  }
}

/** e^x for x >= 0, the same in every engine; the largest number where it is beyond that. */
const exponential = (x: number): number => Math.min(Number.MAX_VALUE, 1 / expNegative(-x))

function byPlace(places: readonly ({ rows: number; sum: number } | undefined)[], longest: number) {
  const width = Math.max(1, Math.ceil(longest / PLACES))
  const curve: { from: number; to: number; kl: number }[] = []
  for (let from = 1; from <= longest; from += width) {
    let [rows, sum] = [0, 0]
    for (const place of places.slice(from, from + width)) {
      rows += place?.rows ?? 0
      sum += place?.sum ?? 0
    }
    if (rows > 0) curve.push({ from, to: Math.min(longest, from + width - 1), kl: sum / rows })
  }
  return curve
}
