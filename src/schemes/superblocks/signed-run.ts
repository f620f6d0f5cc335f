/**
 * The best scale of one sign for one run of values, x ~ s * q with q = low .. high, before it is rounded: for each of a few scales
 * that put the extreme value near the last code, the nearest codes and their weighted least squares; the best is refined by turns of both.
 */

export interface SignedFit {
  s: number
  error: number
  /** Weighted sum of squared codes: how fast the error grows when the scale moves. */
  sumQQ: number
}

export interface SignedRunOptions {
  readonly low: number
  readonly high: number
  readonly sign: 1 | -1
  /** Tried in place of the last code; empty: the extremes lie on the last codes, nothing is refined. */
  readonly offsets: readonly number[]
}

const TURNS = 8

export function fitSignedRun(
  x: Float64Array,
  w: Float64Array,
  start: number,
  end: number,
  { low, high, sign, offsets }: SignedRunOptions,
  best: SignedFit,
): void {
  let positive = 0
  let negative = 0
  let sumXX = 0
  for (let i = start; i < end; i++) {
    const value = x[i]!
    const t = sign * value
    if (t > positive) positive = t
    if (-t > negative) negative = -t
    sumXX += w[i]! * value * value
  }
  // The least scale at which nothing is clipped, and the code that is reached then.
  const whole = Math.max(positive / high, negative / -low)
  const reached = whole * high === positive ? high : -low
  best.s = 0
  best.sumQQ = 0
  best.error = sumXX
  if (!(whole > 0)) return

  function take(scale: number): boolean {
    const inverse = 1 / scale
    let sumQQ = 0
    let sumXQ = 0
    for (let i = start; i < end; i++) {
      let q = Math.floor(x[i]! * inverse + 0.5)
      q = q < low ? low : q > high ? high : q
      sumQQ += w[i]! * q * q
      sumXQ += w[i]! * q * x[i]!
    }
    if (!(sumQQ > 0)) return false
    const s = sumXQ / sumQQ
    const error = Math.max(0, sumXX - s * sumXQ)
    if (!(error < best.error) || sign * s <= 0) return false
    best.s = s
    best.error = error
    best.sumQQ = sumQQ
    return true
  }

  if (offsets.length === 0) {
    take(sign * whole)
    best.s = sign * whole
    return
  }
  for (const offset of offsets) take((sign * whole * reached) / (reached + offset))
  for (let turn = 0; turn < TURNS && take(best.s); turn++) {}
}
