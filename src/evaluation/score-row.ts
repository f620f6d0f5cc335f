import { log2 } from '../numbers/log2.ts'
import type { Numbers } from './elements.ts'
import { expNegative } from './exponential.ts'

/** What one row of scores of two models says about a token. Losses are negative logarithms of probabilities, natural units. */
export interface ScoredRow {
  readonly kl: number
  readonly floatLoss: number
  readonly quantizedLoss: number
  /** Of the token that was read, in float. */
  readonly ownLoss: number
  readonly sameFirst: boolean
  /** Share of float's five first choices that are among the five of the other. */
  readonly sameFive: number
}

/** A probability that rounded to zero is taken for this. */
const LEAST_PROBABILITY = 1e-12
/** A candidate that gives no number, or no chance where float gives one. */
const WORST = 1e6
const FIVE = 5

/** Undefined where float itself gives no numbers. `probabilities`: rows are probabilities already, else unnormalized logarithms. */
export function scoreRow(
  a: Numbers,
  b: Numbers,
  start: number,
  classes: number,
  next: number,
  own: number,
  probabilities: boolean,
): ScoredRow | undefined {
  const end = start + classes
  if (shares.length < classes) shares = new Float64Array(classes)
  const { norm: normA, sum } = normOf(a, start, end, probabilities, shares)
  const { norm: normB } = normOf(b, start, end, probabilities)
  if (!Number.isFinite(normA)) return undefined
  const lossA = (token: number) => Math.min(WORST, lossOf(a[start + token]!, normA, probabilities))
  const firsts = firstChoices(a, start, end)
  const others = firstChoices(b, start, end)
  const same = { sameFirst: firsts[0] === others[0], sameFive: overlap(firsts, others) }
  if (!Number.isFinite(normB)) {
    return { kl: WORST, floatLoss: lossA(next), quantizedLoss: WORST, ownLoss: lossA(own), ...same }
  }
  let kl = 0
  for (let i = start; i < end; i += 1) {
    const share = probabilities ? a[i]! : shares[i - start]!
    if (share > 0) kl += share * (lossOf(b[i]!, normB, probabilities) - lossOf(a[i]!, normA, probabilities))
  }
  kl /= sum
  return {
    kl: Number.isFinite(kl) ? Math.max(0, kl) : WORST,
    floatLoss: lossA(next),
    quantizedLoss: Math.min(WORST, lossOf(b[start + next]!, normB, probabilities)),
    ownLoss: lossA(own),
    ...same,
  }
}

/** Exponentials of the last row, over its largest one: taken once, used twice. */
let shares = new Float64Array(0)

/**
 * Logarithm of the sum of exponentials, and that sum over the largest one, with the exponentials in `kept`. 0 and 1 for probabilities,
 * NaN where something is not finite.
 */
function normOf(
  scores: Numbers,
  start: number,
  end: number,
  probabilities: boolean,
  kept?: Float64Array,
): { readonly norm: number; readonly sum: number } {
  let peak = Number.NEGATIVE_INFINITY
  for (let i = start; i < end; i += 1) {
    const score = scores[i]!
    if (score > peak) peak = score
    else if (Number.isNaN(score)) return { norm: Number.NaN, sum: 1 }
  }
  if (probabilities) return { norm: 0, sum: 1 }
  if (!Number.isFinite(peak)) return { norm: Number.NaN, sum: 1 }
  let sum = 0
  for (let i = start; i < end; i += 1) {
    const share = expNegative(scores[i]! - peak)
    if (kept !== undefined) kept[i - start] = share
    sum += share
  }
  return { norm: peak + log2(sum) * Math.LN2, sum }
}

function lossOf(score: number, norm: number, probabilities: boolean): number {
  return probabilities ? -log2(Math.max(score, LEAST_PROBABILITY)) * Math.LN2 : norm - score
}

/** Places of the largest scores, best first; ties go to the lower place. */
function firstChoices(scores: Numbers, start: number, end: number): readonly number[] {
  const best: number[] = []
  let least = Number.NEGATIVE_INFINITY
  for (let i = start; i < end; i += 1) {
    const score = scores[i]!
    if (best.length === FIVE && !(score > least)) continue
    let at = best.length
    while (at > 0 && score > scores[best[at - 1]!]!) at -= 1
    best.splice(at, 0, i)
    if (best.length > FIVE) best.pop()
    least = scores[best.at(-1)!]!
  }
  return best
}

function overlap(wanted: readonly number[], found: readonly number[]): number {
  let same = 0
  for (const one of wanted) if (found.includes(one)) same += 1
  return same / wanted.length
}
