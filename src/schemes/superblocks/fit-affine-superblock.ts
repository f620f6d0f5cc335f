/**
 * Parameters of a superblock with minimums (q2k, q4k, q5k): value = (d * scale) * code - (dmin * minimum).
 *
 * The joint optimum of all integers is out of reach, so: the best (s, m) of every run alone; super scales at which the rounding of all s
 * and m costs least by those quadratic forms, a few of them; from each, turns of a walk over the (scale, minimum) of every run with the
 * true error of nearest codes, and of weighted least squares of (d, dmin) for those codes. The best of all wins.
 */

import type { Effort } from '../../model/array-scheme.ts'
import { minimumCost, minimumFor, nearestMultiple, scaleCost } from './affine-costs.ts'
import { affineFit, fitAffineRun } from './affine-run.ts'
import { AFFINE_WIDTHS, type AffineWidth, narrowingsOf } from './affine-width.ts'
import { candidates, leastOf } from './super-candidates.ts'
import { roundSuperScale } from './super-scale.ts'
import { type SuperblockShape, subCount, superScaleAt } from './superblock-shape.ts'
import type { SuperblockValues } from './superblock-values.ts'

interface State {
  d: number
  dmin: number
  error: number
  readonly scales: Int32Array
  readonly minimums: Int32Array
  readonly errors: Float64Array
}

/** A search with its buffers. Fills `parameters` in the order of the specs. */
export function affineSuperblockFit(
  shape: SuperblockShape,
): (values: SuperblockValues, effort: Effort, parameters: Float32Array) => void {
  const { size, most } = shape
  const maxCode = shape.levels - 1
  const subs = subCount(shape)
  const fits = Array.from({ length: subs }, affineFit)
  const state = (): State => ({
    d: 0,
    dmin: 0,
    error: 0,
    scales: new Int32Array(subs),
    minimums: new Int32Array(subs),
    errors: new Float64Array(subs),
  })
  const current = state()
  const best = state()
  const superScales = candidates(most)
  const narrowings = {
    closed: narrowingsOf(AFFINE_WIDTHS.closed, maxCode),
    fast: narrowingsOf(AFFINE_WIDTHS.fast, maxCode),
    exact: narrowingsOf(AFFINE_WIDTHS.exact, maxCode),
  }
  const costs = new Float64Array(superScales.length)

  return (values, effort, parameters) => {
    const { x, w, count } = values
    const width = AFFINE_WIDTHS[effort]
    const runs = Math.ceil(count / size)
    const sign = allPositive(values) ? -1 : 1
    let largestScale = 0
    let largestMinimum = 0
    for (let j = 0; j < runs; j++) {
      const fit = fits[j]!
      const end = Math.min(count, (j + 1) * size)
      fitAffineRun(x, w, j * size, end, { maxCode, sign, narrowings: narrowings[effort] }, fit)
      largestScale = Math.max(largestScale, fit.s)
      if (sign * fit.m > largestMinimum) largestMinimum = sign * fit.m
    }
    best.error = Number.POSITIVE_INFINITY
    if (effort === 'closed') {
      place(roundSuperScale(largestScale / most), sign * roundSuperScale(largestMinimum / most), runs)
      keep()
    } else search(values, runs, width, largestScale, sign * largestMinimum)
    parameters.fill(0)
    for (let j = 0; j < runs; j++) {
      parameters[j] = best.scales[j]!
      parameters[subs + j] = best.minimums[j]!
    }
    parameters[superScaleAt(shape)] = best.d
    parameters[superScaleAt(shape) + 1] = best.dmin
  }

  function search(
    values: SuperblockValues,
    runs: number,
    width: AffineWidth,
    largestScale: number,
    largestMinimum: number,
  ): void {
    for (let k = 0; k < superScales.length; k++) {
      costs[k] = scaleCost(fits, runs, roundSuperScale(largestScale / superScales[k]!), most)
    }
    for (const scaleIndex of leastOf(costs, width.superScales)) {
      const d = roundSuperScale(largestScale / superScales[scaleIndex]!)
      for (let k = 0; k < superScales.length; k++) {
        costs[k] = minimumCost(fits, runs, d, roundSuperScale(largestMinimum / superScales[k]!), most)
      }
      for (const minimumIndex of leastOf(costs, width.superMinimums)) {
        place(d, roundSuperScale(largestMinimum / superScales[minimumIndex]!), runs)
        improve(values, runs, width.turns)
        if (current.error < best.error) keep()
      }
    }
    recall()
    for (let j = 0; j < runs; j++) scan(values, j, width.reach)
    improve(values, runs, width.turns)
    if (current.error < best.error) keep()
  }

  /** Sub-scales and minimums nearest to the fits of the runs. */
  function place(d: number, dmin: number, runs: number): void {
    current.d = d
    current.dmin = dmin
    for (let j = 0; j < runs; j++) {
      const scale = nearestMultiple(fits[j]!.s, d, most)
      current.scales[j] = scale
      current.minimums[j] = nearestMultiple(minimumFor(fits[j]!, d * scale), dmin, most)
    }
  }

  function improve(values: SuperblockValues, runs: number, turns: number): void {
    walk(values, runs)
    for (let turn = 0; turn < turns; turn++) {
      const { d, dmin, error } = current
      if (!refit(values, runs)) return
      walk(values, runs)
      if (current.error < error) {
        if (current.error > error * 0.99999) return
        continue
      }
      // The rounding of (d, dmin) cost more than the refit brought.
      current.d = d
      current.dmin = dmin
      walk(values, runs)
      return
    }
  }

  /** Of every run: to the best neighbour in (scale, minimum) until there is none; also from no minimum, where that may be right. */
  function walk(values: SuperblockValues, runs: number): void {
    current.error = 0
    for (let j = 0; j < runs; j++) {
      settle(values, j)
      const { plain } = fits[j]!
      const minimum = current.minimums[j]!
      if (plain > 0 && minimum > 0) {
        const error = current.errors[j]!
        const scale = current.scales[j]!
        current.scales[j] = nearestMultiple(plain, current.d, most)
        current.minimums[j] = 0
        settle(values, j)
        if (!(current.errors[j]! < error)) {
          current.errors[j] = error
          current.scales[j] = scale
          current.minimums[j] = minimum
        }
      }
      current.error += current.errors[j]!
    }
  }

  function settle(values: SuperblockValues, j: number): void {
    current.errors[j] = errorAt(values, j, current.scales[j]!, current.minimums[j]!)
    while (step(values, j)) {}
  }

  function step(values: SuperblockValues, j: number): boolean {
    const scale = current.scales[j]!
    const minimum = current.minimums[j]!
    let moved = false
    for (let s = Math.max(0, scale - 1); s <= Math.min(most, scale + 1); s++) {
      for (let m = Math.max(0, minimum - 1); m <= Math.min(most, minimum + 1); m++) {
        if (s === scale && m === minimum) continue
        const error = errorAt(values, j, s, m)
        if (!(error < current.errors[j]!)) continue
        current.errors[j] = error
        current.scales[j] = s
        current.minimums[j] = m
        moved = true
      }
    }
    return moved
  }

  /** To the best pair of the neighbourhood: the error has many dents, most of all with many codes. */
  function scan(values: SuperblockValues, j: number, reach: number): void {
    const scale = current.scales[j]!
    const minimum = current.minimums[j]!
    for (let s = Math.max(0, scale - reach); s <= Math.min(most, scale + reach); s++) {
      for (let m = Math.max(0, minimum - reach); m <= Math.min(most, minimum + reach); m++) {
        const error = errorAt(values, j, s, m)
        if (!(error < current.errors[j]!)) continue
        current.errors[j] = error
        current.scales[j] = s
        current.minimums[j] = m
      }
    }
  }

  function errorAt({ x, w, count }: SuperblockValues, j: number, scale: number, minimum: number): number {
    const s = current.d * scale
    const m = current.dmin * minimum
    const inverse = s === 0 ? 0 : 1 / s
    const end = Math.min(count, (j + 1) * size)
    let error = 0
    for (let i = j * size; i < end; i++) {
      const t = x[i]! + m
      let q = Math.floor(t * inverse + 0.5)
      q = q < 0 ? 0 : q > maxCode ? maxCode : q
      const rest = t - q * s
      error += w[i]! * rest * rest
    }
    return error
  }

  /** Least squares of (d, dmin) with all codes as they are; false when it changes nothing. */
  function refit({ x, w, count }: SuperblockValues, runs: number): boolean {
    let aa = 0
    let ab = 0
    let bb = 0
    let xa = 0
    let xb = 0
    for (let j = 0; j < runs; j++) {
      const scale = current.scales[j]!
      const minimum = current.minimums[j]!
      const s = current.d * scale
      const m = current.dmin * minimum
      const inverse = s === 0 ? 0 : 1 / s
      const end = Math.min(count, (j + 1) * size)
      for (let i = j * size; i < end; i++) {
        let q = Math.floor((x[i]! + m) * inverse + 0.5)
        q = q < 0 ? 0 : q > maxCode ? maxCode : q
        const a = scale * q
        const weight = w[i]!
        aa += weight * a * a
        ab += weight * a * minimum
        bb += weight * minimum * minimum
        xa += weight * x[i]! * a
        xb += weight * x[i]! * minimum
      }
    }
    // x ~ d * a - dmin * b
    const determinant = aa * bb - ab * ab
    const d = determinant > 0 ? (bb * xa - ab * xb) / determinant : aa > 0 ? xa / aa : 0
    const dmin = determinant > 0 ? (ab * xa - aa * xb) / determinant : aa > 0 || bb === 0 ? 0 : -xb / bb
    const nextD = roundSuperScale(d)
    const nextMin = roundSuperScale(dmin)
    if (nextD === current.d && nextMin === current.dmin) return false
    current.d = nextD
    current.dmin = nextMin
    return true
  }

  function keep(): void {
    copy(current, best)
  }

  function recall(): void {
    copy(best, current)
  }
}

function copy(from: State, to: State): void {
  to.d = from.d
  to.dmin = from.dmin
  to.error = from.error
  to.scales.set(from.scales)
  to.minimums.set(from.minimums)
  to.errors.set(from.errors)
}

function allPositive({ x, count }: SuperblockValues): boolean {
  for (let i = 0; i < count; i++) if (!(x[i]! > 0)) return false
  return count > 0
}
