import { log2 } from '../../numbers/log2.ts'
import type { Numbers } from '../elements.ts'
import { expNegative } from '../exponential.ts'

export interface KlMeter {
  /** Rows of `classes` scores each: unnormalized logarithms, or probabilities. */
  add(reference: Numbers, candidate: Numbers, classes: number, probabilities: boolean): void
  mean(): number
  /** 99th percentile over rows, from above, within 1/16 of its value. */
  p99(): number
  max(): number
  rows(): number
}

/** Steps per doubling in the histogram of rows, and how far down it reaches (2^-40). */
const STEPS = 16
const DOUBLINGS = 60
const LOWEST = 9.094947017729282e-13
/** A probability that rounded to zero is taken for this. */
const LEAST_PROBABILITY = 1e-12

/** Kullback-Leibler divergence from float to candidate, natural units, a row at a time. Rows with NaN in float are left out. */
export function klMeter(): KlMeter {
  const histogram = new Float64Array(STEPS * DOUBLINGS + 1)
  let sum = 0
  let most = 0
  let rows = 0
  return {
    add(reference, candidate, classes, probabilities) {
      const ofRow = probabilities ? klOfProbabilities : klOfLogits
      for (let start = 0; start + classes <= reference.length; start += classes) {
        const kl = ofRow(reference, candidate, start, classes)
        if (Number.isNaN(kl)) continue
        rows += 1
        sum += kl
        if (kl > most) most = kl
        histogram[stepOf(kl)]! += 1
      }
    },
    mean: () => (rows === 0 ? Number.NaN : sum / rows),
    p99() {
      let above = rows
      for (let step = 0; step < histogram.length; step += 1) {
        above -= histogram[step]!
        if (above <= rows * 0.01) return Math.min(most, topOf(step))
      }
      return most
    },
    max: () => most,
    rows: () => rows,
  }
}

/** Exponentials of the last row: taken once, used twice. */
let shares = new Float64Array(0)

function klOfLogits(reference: Numbers, candidate: Numbers, start: number, classes: number): number {
  const peakA = peak(reference, start, classes)
  const peakB = peak(candidate, start, classes)
  let sumA = 0
  let sumB = 0
  if (shares.length < classes) shares = new Float64Array(classes)
  for (let i = start; i < start + classes; i += 1) {
    const share = expNegative(reference[i]! - peakA)
    shares[i - start] = share
    sumA += share
    sumB += expNegative(candidate[i]! - peakB)
  }
  if (!(sumA > 0)) return Number.NaN
  const logB = log2(sumB) * Math.LN2
  const logA = log2(sumA) * Math.LN2
  let kl = 0
  for (let i = start; i < start + classes; i += 1) {
    const a = reference[i]! - peakA
    const share = shares[i - start]! / sumA
    if (share > 0) kl += share * (a - logA - (candidate[i]! - peakB - logB))
  }
  // A candidate with NaN, or with no chance at all where float has some, is as far away as can be.
  if (!Number.isFinite(kl)) return Number.MAX_VALUE
  return Math.max(kl, 0)
}

function klOfProbabilities(reference: Numbers, candidate: Numbers, start: number, classes: number): number {
  let kl = 0
  for (let i = start; i < start + classes; i += 1) {
    const a = reference[i]!
    if (Number.isNaN(a)) return Number.NaN
    if (a <= 0) continue
    const b = candidate[i]!
    if (Number.isNaN(b)) return Number.MAX_VALUE
    kl += a * (log2(a) - log2(Math.max(b, LEAST_PROBABILITY))) * Math.LN2
  }
  return Math.max(kl, 0)
}

function peak(scores: Numbers, start: number, classes: number): number {
  let most = Number.NEGATIVE_INFINITY
  for (let i = start; i < start + classes; i += 1) if (scores[i]! > most) most = scores[i]!
  return most
}

function stepOf(kl: number): number {
  if (!(kl > LOWEST)) return 0
  return Math.min(STEPS * DOUBLINGS, Math.floor((log2(kl) + 40) * STEPS) + 1)
}

/** Upper edge of a step: 2^(step / STEPS - 40), by whole doublings and a linear part (never too low). */
function topOf(step: number): number {
  let edge = LOWEST
  for (let doubling = 0; doubling < Math.floor(step / STEPS); doubling += 1) edge *= 2
  return edge * (1 + (step % STEPS) / STEPS)
}
