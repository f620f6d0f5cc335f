/**
 * The best scale and minimum of one run of values, x ~ s * q - m with q = 0 .. maxCode and sign * m >= 0, before either is rounded.
 *
 * For each of a few narrowed ranges the codes of the plain grid, then the weighted least squares of (s, m) for those codes;
 * the best of them is refined by turns of nearest codes and least squares until it stays.
 */

/** Result, with the sums over the run at its codes: the squared error as a quadratic form of (s, m). */
export interface AffineFit {
  s: number
  m: number
  error: number
  sumW: number
  sumX: number
  sumXX: number
  sumQ: number
  sumQQ: number
  sumXQ: number
  /** The best scale without a minimum, where hardly anything lies on its side of zero; else 0. */
  plain: number
}

export function affineFit(): AffineFit {
  return { s: 0, m: 0, error: 0, sumW: 0, sumX: 0, sumXX: 0, sumQ: 0, sumQQ: 0, sumXQ: 0, plain: 0 }
}

const TURNS = 8
const trial = affineFit()

export interface AffineRunOptions {
  readonly maxCode: number
  /** 1: offsets below zero (m >= 0), as weights have them; -1: above, for runs of positive values. */
  readonly sign: 1 | -1
  /** Narrowings of the range, as shares of it taken from the lower and the upper end. */
  readonly narrowings: readonly (readonly [number, number])[]
}

export function fitAffineRun(
  x: Float64Array,
  w: Float64Array,
  start: number,
  end: number,
  { maxCode, sign, narrowings }: AffineRunOptions,
  best: AffineFit,
): void {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  let sumW = 0
  let sumX = 0
  let sumXX = 0
  for (let i = start; i < end; i++) {
    const value = x[i]!
    const weight = w[i]!
    if (value < min) min = value
    if (value > max) max = value
    sumW += weight
    sumX += weight * value
    sumXX += weight * value * value
  }
  // The end of the range that the sign of the minimum cannot pass is zero.
  if (sign > 0 ? min > 0 : min < 0) min = 0
  if (max < min) max = min
  Object.assign(best, { s: 0, m: -min, sumW, sumX, sumXX, sumQ: 0, sumQQ: 0, sumXQ: 0, plain: 0 })
  Object.assign(trial, best)
  const range = max - min
  if (!(range > 0) || sumW === 0) {
    best.error = sumW === 0 ? 0 : Math.max(0, sumXX - 2 * min * sumX + min * min * sumW)
    return
  }
  const plain = sign > 0 && -min * maxCode < max ? plainScale(x, w, start, end, max, maxCode, narrowings) : 0
  best.error = Number.POSITIVE_INFINITY
  for (const [below, above] of narrowings) {
    sumCodes(x, w, start, end, (range * (1 - below - above)) / maxCode, -min - below * range, maxCode)
    if (solve(sign) && trial.error < best.error) Object.assign(best, trial)
  }
  for (let turn = 0; turn < TURNS && best.s > 0; turn++) {
    const before = best.error
    sumCodes(x, w, start, end, best.s, best.m, maxCode)
    if (solve(sign) && trial.error < best.error) Object.assign(best, trial)
    if (!(best.error < before)) break
  }
  best.plain = plain
}

/**
 * Runs of zeros and positive values need zero exactly: a minimum that is rounded moves them all, which no small step from the best
 * unrounded fit undoes.
 */
function plainScale(
  x: Float64Array,
  w: Float64Array,
  start: number,
  end: number,
  max: number,
  maxCode: number,
  narrowings: AffineRunOptions['narrowings'],
): number {
  let best = max / maxCode
  let gain = Number.NEGATIVE_INFINITY
  for (const [below, above] of narrowings) {
    if (below > 0) continue
    sumCodes(x, w, start, end, (max * (1 - above)) / maxCode, 0, maxCode)
    const { sumXQ, sumQQ } = trial
    if (!(sumXQ > 0) || !(sumXQ * sumXQ > gain * sumQQ)) continue
    gain = (sumXQ * sumXQ) / sumQQ
    best = sumXQ / sumQQ
  }
  return best
}

function sumCodes(
  x: Float64Array,
  w: Float64Array,
  start: number,
  end: number,
  s: number,
  m: number,
  maxCode: number,
): void {
  const inverse = 1 / s
  let sumQ = 0
  let sumQQ = 0
  let sumXQ = 0
  for (let i = start; i < end; i++) {
    let q = Math.floor((x[i]! + m) * inverse + 0.5)
    q = q < 0 ? 0 : q > maxCode ? maxCode : q
    const wq = w[i]! * q
    sumQ += wq
    sumQQ += wq * q
    sumXQ += wq * x[i]!
  }
  trial.sumQ = sumQ
  trial.sumQQ = sumQQ
  trial.sumXQ = sumXQ
}

/** Least squares of (s, m) for the codes summed in `trial`. False when they determine no scale. */
function solve(sign: 1 | -1): boolean {
  const { sumW, sumX, sumXX, sumQ, sumQQ, sumXQ } = trial
  const determinant = sumW * sumQQ - sumQ * sumQ
  if (!(determinant > 0)) return false
  trial.s = (sumW * sumXQ - sumX * sumQ) / determinant
  trial.m = (sumQ * sumXQ - sumQQ * sumX) / determinant
  if (sign * trial.m < 0) {
    trial.m = 0
    trial.s = sumXQ / sumQQ
  }
  if (!(trial.s > 0)) return false
  const { s, m } = trial
  trial.error = Math.max(0, sumXX - 2 * s * sumXQ + 2 * m * sumX + s * s * sumQQ - 2 * s * m * sumQ + m * m * sumW)
  return true
}
