import { log2 } from '../../numbers/log2.ts'
import type { Numbers } from '../elements.ts'
import { expNegative } from '../exponential.ts'

export interface LikelyAgreementMeter {
  /** Rows of `classes` scores each: unnormalized logarithms, or probabilities. */
  add(reference: Numbers, candidate: Numbers, classes: number, probabilities: boolean): void
  /** Share of rows whose first choice is likely to stay, 0 to 1; undefined without rows, with one class, and beyond `MOST_ROWS`. */
  value(): number | undefined
}

/** Beyond so many rows the counted share says as much. */
export const MOST_ROWS = 400
/** The first choice and its rivals; the errors of further classes do not matter. */
const LEADING = 10
/** Rows that follow one another until so many of their errors are free say one size of errors. */
const FREE_ERRORS = 8
/** A probability that rounded to zero is taken for this. */
const LEAST_PROBABILITY = 1e-12

interface Row {
  /** Scores of the first choice above those of its rivals. */
  readonly margins: readonly number[]
  /** Squared errors of the leading scores around their mean, and how many of them are free. */
  readonly error: number
  readonly free: number
}

/**
 * How often a first choice stays when the errors that were seen fall anew: every row counts with the chance that no rival overtakes,
 * for independent normal errors of a size that is drawn from the sizes of all rows. Few rows give this figure with less than half of
 * the spread that counting has: a row is not only right or wrong, its margin says how nearly. One size for all rows would let a single
 * row beyond its ranges speak for the others.
 */
export function likelyAgreementMeter(): LikelyAgreementMeter {
  const rows: Row[] = []
  let all = 0
  return {
    add(reference, candidate, classes, probabilities) {
      for (let start = 0; start + classes <= reference.length; start += classes) {
        all += 1
        if (all <= MOST_ROWS) rows.push(rowOf(reference, candidate, start, classes, probabilities))
      }
    },
    value() {
      if (all === 0 || all > MOST_ROWS) return undefined
      const spreads = spreadsOf(rows)
      if (!spreads.length || !spreads.every(Number.isFinite)) return undefined
      const stays = (row: Row) => spreads.reduce((sum, spread) => sum + chanceOf(row.margins, spread), 0)
      return rows.reduce((sum, row) => sum + stays(row), 0) / (rows.length * spreads.length)
    },
  }
}

/** Spreads of a difference of two errors, one of each few rows; what is left at the end goes with the last ones. */
function spreadsOf(rows: readonly Row[]): readonly number[] {
  const sums: { error: number; free: number }[] = []
  for (const { error, free } of rows) {
    const last = sums.at(-1)
    if (last && last.free < FREE_ERRORS) {
      last.error += error
      last.free += free
    } else sums.push({ error, free })
  }
  const [before, last] = sums.slice(-2)
  if (before && last && last.free < FREE_ERRORS) {
    before.error += last.error
    before.free += last.free
    sums.pop()
  }
  return sums.filter(({ free }) => free > 0).map(({ error, free }) => Math.sqrt((2 * error) / free))
}

function rowOf(reference: Numbers, candidate: Numbers, start: number, classes: number, probabilities: boolean): Row {
  const scoreOf = (value: number) => (probabilities ? log2(Math.max(value, LEAST_PROBABILITY)) * Math.LN2 : value)
  const leading = leadersOf(reference, start, classes)
  const scores = leading.map((i) => scoreOf(reference[i]!))
  const errors = leading.map((i, at) => scoreOf(candidate[i]!) - scores[at]!)
  const mean = errors.reduce((sum, one) => sum + one, 0) / errors.length
  const [first = 0, ...rivals] = scores
  return {
    margins: rivals.map((score) => first - score),
    error: errors.reduce((sum, one) => sum + (one - mean) ** 2, 0),
    free: errors.length - 1,
  }
}

/** Places of the highest scores, highest first; of equal ones the first. */
function leadersOf(scores: Numbers, start: number, classes: number): readonly number[] {
  const found: number[] = []
  for (let i = start; i < start + classes; i += 1) {
    if (found.length === LEADING && !(scores[i]! > scores[found[LEADING - 1]!]!)) continue
    let at = found.length
    while (at > 0 && scores[i]! > scores[found[at - 1]!]!) at -= 1
    found.splice(at, 0, i)
    if (found.length > LEADING) found.pop()
  }
  return found
}

function chanceOf(margins: readonly number[], spread: number): number {
  if (spread === 0) return 1
  return margins.reduce((chance, margin) => chance * below(margin / spread), 1)
}

/** Share of a normal distribution below x >= 0: Abramowitz and Stegun 26.2.17, to 7.5e-8. */
function below(x: number): number {
  const t = 1 / (1 + 0.2316419 * x)
  const tail = ((((1.330274429 * t - 1.821255978) * t + 1.781477937) * t - 0.356563782) * t + 0.31938153) * t
  return 1 - (expNegative((-x * x) / 2) / 2.5066282746310002) * tail
}
