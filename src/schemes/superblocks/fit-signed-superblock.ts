/**
 * Parameters of a superblock without minimums (q3k, q6k): value = (d * scale) * (code - zero), scales of either sign.
 *
 * The codes reach one further on the negative side, so every run has two good scales, one of each sign. For several super scales d: both
 * fits of every run rounded to multiples of d, a walk over its neighbours with the true error of nearest codes; then turns of
 * weighted least squares of d and the walk. The best of all wins.
 */

import type { Effort } from '../../model/array-scheme.ts'
import { fitSignedRun, type SignedFit } from './signed-run.ts'
import { candidates, leastOf } from './super-candidates.ts'
import { roundSuperScale } from './super-scale.ts'
import { type SuperblockShape, subCount, superScaleAt } from './superblock-shape.ts'
import type { SuperblockValues } from './superblock-values.ts'

interface Width {
  /** The extreme value of a run is tried on the last code plus these, the first by `below` of that code less. */
  readonly step: number
  readonly below: number
  readonly superScales: number
  readonly turns: number
  /** Sub-scales on each side of the winner's, and of its negative, that are tried. */
  readonly reach: number
}

const WIDTHS: Readonly<Record<Effort, Width>> = {
  closed: { step: 0, below: 0, superScales: 1, turns: 0, reach: 0 },
  fast: { step: 0.2, below: 0.1, superScales: 3, turns: 4, reach: 6 },
  exact: { step: 0.1, below: 0.25, superScales: 12, turns: 12, reach: 256 },
}

function offsetsOf({ step, below }: Width, last: number): number[] {
  if (step === 0) return []
  const first = -1.2 - below * last
  return Array.from({ length: Math.floor((0.8 - first) / step) + 1 }, (_, index) => first + index * step)
}

interface State {
  d: number
  error: number
  readonly scales: Int32Array
  readonly errors: Float64Array
}

/** A search with its buffers. Fills `parameters` in the order of the specs. */
export function signedSuperblockFit(
  shape: SuperblockShape,
): (values: SuperblockValues, effort: Effort, parameters: Float32Array) => void {
  const { size, least, most, zero, bias } = shape
  const low = -zero
  const high = shape.levels - 1 - zero
  const subs = subCount(shape)
  /** Of every run the fit with a positive scale and the one with a negative. */
  const fits = Array.from({ length: 2 * subs }, (): SignedFit => ({ s: 0, error: 0, sumQQ: 0 }))
  const state = (): State => ({ d: 0, error: 0, scales: new Int32Array(subs), errors: new Float64Array(subs) })
  const current = state()
  const best = state()
  const superScales = candidates(-least)
  const offsets = {
    closed: offsetsOf(WIDTHS.closed, zero),
    fast: offsetsOf(WIDTHS.fast, zero),
    exact: offsetsOf(WIDTHS.exact, zero),
  }
  let chosen = 0
  const costs = new Float64Array(superScales.length)

  return (values, effort, parameters) => {
    const { x, w, count } = values
    const width = WIDTHS[effort]
    const runs = Math.ceil(count / size)
    let largest = 0
    for (let j = 0; j < runs; j++) {
      const end = Math.min(count, (j + 1) * size)
      for (const side of [0, 1] as const) {
        fitSignedRun(
          x,
          w,
          j * size,
          end,
          { low, high, sign: side === 0 ? 1 : -1, offsets: offsets[effort] },
          fits[2 * j + side]!,
        )
      }
      const s = better(j).s
      if (Math.abs(s) > Math.abs(largest)) largest = s
    }
    best.error = Number.POSITIVE_INFINITY
    if (effort === 'closed') {
      // The largest scale lies on the longer side of the sub-scales.
      place(roundSuperScale(largest / least), runs, true)
      keep()
    } else search(values, runs, width, largest)
    parameters.fill(0)
    for (let j = 0; j < subs; j++) parameters[j] = (j < runs ? best.scales[j]! : 0) + bias
    parameters[superScaleAt(shape)] = best.d
  }

  function search(values: SuperblockValues, runs: number, width: Width, largest: number): void {
    for (let k = 0; k < superScales.length; k++) costs[k] = cost(roundSuperScale(-largest / superScales[k]!), runs)
    for (const index of leastOf(costs, width.superScales)) {
      place(roundSuperScale(-largest / superScales[index]!), runs, false)
      improve(values, runs, width.turns)
      if (current.error < best.error) keep()
    }
    recall()
    for (let j = 0; j < runs; j++) scan(values, j, width.reach)
    improve(values, runs, width.turns)
    if (current.error < best.error) keep()
  }

  function better(j: number): SignedFit {
    const positive = fits[2 * j]!
    const negative = fits[2 * j + 1]!
    return negative.error < positive.error ? negative : positive
  }

  /** The cheaper of both fits of run j once its scale is a multiple of d; its sub-scale is left in `chosen`. */
  function roundedCost(j: number, d: number): number {
    let leastCost = Number.POSITIVE_INFINITY
    for (let side = 0; side < 2; side++) {
      const { s, error, sumQQ } = fits[2 * j + side]!
      const scale = nearest(s, d)
      const off = s - d * scale
      const total = error + off * off * sumQQ
      if (!(total < leastCost)) continue
      leastCost = total
      chosen = scale
    }
    return leastCost
  }

  function cost(d: number, runs: number): number {
    let sum = 0
    for (let j = 0; j < runs; j++) sum += roundedCost(j, d)
    return sum
  }

  function place(d: number, runs: number, plain: boolean): void {
    current.d = d
    for (let j = 0; j < runs; j++) {
      if (plain) chosen = nearest(better(j).s, d)
      else roundedCost(j, d)
      current.scales[j] = chosen
    }
  }

  function improve(values: SuperblockValues, runs: number, turns: number): void {
    walk(values, runs)
    for (let turn = 0; turn < turns; turn++) {
      const { d, error } = current
      if (!refit(values, runs)) return
      walk(values, runs)
      if (current.error < error) {
        if (current.error > error * 0.99999) return
        continue
      }
      current.d = d
      walk(values, runs)
      return
    }
  }

  /** Of every run: to the best neighbour, on the other side of zero too, until there is none. */
  function walk(values: SuperblockValues, runs: number): void {
    current.error = 0
    for (let j = 0; j < runs; j++) {
      current.errors[j] = errorAt(values, j, current.scales[j]!)
      while (step(values, j)) {}
      current.error += current.errors[j]!
    }
  }

  function step(values: SuperblockValues, j: number): boolean {
    const scale = current.scales[j]!
    let moved = false
    for (const next of [scale - 1, scale + 1, -scale, -scale - 1, -scale + 1]) {
      if (next === scale || next < least || next > most) continue
      const error = errorAt(values, j, next)
      if (!(error < current.errors[j]!)) continue
      current.errors[j] = error
      current.scales[j] = next
      moved = true
    }
    return moved
  }

  /** To the best of the neighbourhood on both sides of zero: the error has many dents, most of all with many codes. */
  function scan(values: SuperblockValues, j: number, reach: number): void {
    for (const middle of [current.scales[j]!, -current.scales[j]!]) {
      for (let next = Math.max(least, middle - reach); next <= Math.min(most, middle + reach); next++) {
        const error = errorAt(values, j, next)
        if (!(error < current.errors[j]!)) continue
        current.errors[j] = error
        current.scales[j] = next
      }
    }
  }

  function errorAt({ x, w, count }: SuperblockValues, j: number, scale: number): number {
    const s = current.d * scale
    const inverse = s === 0 ? 0 : 1 / s
    const end = Math.min(count, (j + 1) * size)
    let error = 0
    for (let i = j * size; i < end; i++) {
      let q = Math.floor(x[i]! * inverse + 0.5)
      q = q < low ? low : q > high ? high : q
      const rest = x[i]! - q * s
      error += w[i]! * rest * rest
    }
    return error
  }

  /** Least squares of d with all codes as they are; false when it changes nothing. */
  function refit({ x, w, count }: SuperblockValues, runs: number): boolean {
    let aa = 0
    let xa = 0
    for (let j = 0; j < runs; j++) {
      const scale = current.scales[j]!
      const s = current.d * scale
      const inverse = s === 0 ? 0 : 1 / s
      const end = Math.min(count, (j + 1) * size)
      for (let i = j * size; i < end; i++) {
        let q = Math.floor(x[i]! * inverse + 0.5)
        q = q < low ? low : q > high ? high : q
        const a = scale * q
        aa += w[i]! * a * a
        xa += w[i]! * a * x[i]!
      }
    }
    const d = roundSuperScale(aa > 0 ? xa / aa : 0)
    if (d === current.d) return false
    current.d = d
    return true
  }

  function nearest(value: number, unit: number): number {
    if (unit === 0) return 0
    const code = Math.floor(value / unit + 0.5)
    return code < least ? least : code > most ? most : code
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
  to.error = from.error
  to.scales.set(from.scales)
  to.errors.set(from.errors)
}
