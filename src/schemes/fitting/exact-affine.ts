import { type Crossings, LOW_WORD, roomFor, sortCrossings, WINDOW } from './crossings.ts'
import { measureAffine, seedAffine } from './fast-affine.ts'
import type { Affine } from './fit-affine.ts'
import { leastReach, type SortedBlock, sortBlock } from './sorted-block.ts'
import type { BlockSummary } from './weighted-values.ts'

export interface AffineChoice {
  scale: number
  zero: number
  /** What it takes off the error of decoding all to 0. */
  gain: number
}

/**
 * The least squared error that any stored scale and any zero reach. One sweep over the scale, as if codes had no end:
 * where the codes in use fit into maxCode + 1 they are an assignment of some zero; where they do not, every zero
 * between is tried with the values beyond clipped, if the assignment without an end is better than the best so far.
 * Zeros thus cost next to nothing.
 */
export function exactAffine(
  values: Float32Array,
  block: BlockSummary,
  maxCode: number,
  round: (scale: number) => number,
  closed: Affine,
): Affine {
  const best: AffineChoice = { scale: 0, zero: 0, gain: 0 }
  seedAffine(values, block, maxCode, round, closed, best)
  const sorted = sortBlock(values, block.weights)
  const end = maxCode / leastReach(sorted, (block.energy - best.gain) * (1 + 1e-9), true)
  if (steps.length < sorted.count) steps = new Int32Array(sorted.count)
  steps.fill(0, 0, sorted.count)
  const zeros = sorted.count > FEW ? maxCode + 1 : 0
  const search: Search = {
    values,
    block,
    maxCode,
    round,
    sorted,
    best,
    cross: 0,
    square: 0,
    crosses: new Float64Array(zeros),
    squares: new Float64Array(zeros),
  }

  let expected = 0
  for (let i = 0; i < sorted.count; i++) expected += Math.min(Math.abs(sorted.values[i]!) * end + 1, maxCode)
  const windows = end < Infinity ? Math.max(1, Math.ceil(expected / WINDOW)) : 1
  for (let window = 1; window <= windows; window++) {
    const until = window === windows ? end : (end / windows) * window
    const count = collect(sorted, until, maxCode)
    if (sorted.count > FEW) visitZeros(search, roomFor(count), count)
    else visit(search, roomFor(count), count)
  }
  return { scale: best.scale, zero: best.zero }
}

/** In longer blocks so many values are clipped that keeping sums for every zero costs less. */
const FEW = 256

interface Search {
  readonly values: Float32Array
  readonly block: BlockSummary
  readonly maxCode: number
  readonly round: (scale: number) => number
  readonly sorted: SortedBlock
  readonly best: AffineChoice
  /** Sums of w x step and w step^2. */
  cross: number
  square: number
  /** The same for every zero, in long blocks. */
  readonly crosses: Float64Array
  readonly squares: Float64Array
}

/** Steps from 0 that each value stands at, with its sign. */
let steps = new Int32Array(256)

/** Crossings up to `until`, from where each value stands. No zero gives a value more than maxCode steps from 0. */
function collect(sorted: SortedBlock, until: number, maxCode: number): number {
  let count = 0
  let { places, cross, square, value } = roomFor(0)
  for (let i = 0; i < sorted.count; i++) {
    const x = sorted.values[i]!
    if (x === 0) continue
    const magnitude = x > 0 ? x : -x
    const w = sorted.weights[i]!
    const weighted = w * magnitude
    const limit = Math.min(until * magnitude, maxCode)
    const room = count + maxCode
    if (places.length < room) ({ places, cross, square, value } = roomFor(room))
    for (let k = Math.abs(steps[i]!); k + 0.5 < limit; k++) {
      places[count] = (k + 0.5) / magnitude
      cross[count] = weighted
      square[count] = w * (2 * k + 1)
      value[count] = i
      count++
    }
  }
  return count
}

function visit(search: Search, crossings: Crossings, count: number): void {
  const mask = sortCrossings(crossings, count)
  const { words, cross, square, value } = crossings
  const { sorted, maxCode, best } = search
  const last = sorted.count - 1
  const positive = sorted.values
  let a = search.cross
  let b = search.square
  for (let e = 0; e < count; e++) {
    const id = words[2 * e + LOW_WORD]! & mask
    const i = value[id]!
    steps[i] = steps[i]! + (positive[i]! > 0 ? 1 : -1)
    a += cross[id]!
    b += square[id]!
    if (a * a <= best.gain * b) continue
    const low = Math.min(steps[0]!, 0)
    const high = Math.max(steps[last]!, 0)
    if (high - low <= maxCode) enter(search, a, b, -low)
    else clipped(search, a, b, low, high)
  }
  search.cross = a
  search.square = b
}

/** The same with sums for every zero: a crossing counts where both of its levels are among the zero's codes. */
function visitZeros(search: Search, crossings: Crossings, count: number): void {
  const mask = sortCrossings(crossings, count)
  const { words, cross, square, value } = crossings
  const { sorted, maxCode, best, crosses, squares } = search
  for (let e = 0; e < count; e++) {
    const id = words[2 * e + LOW_WORD]! & mask
    const i = value[id]!
    const step = sorted.values[i]! > 0 ? 1 : -1
    const reached = steps[i]! + step
    steps[i] = reached
    const first = Math.max(0, -reached)
    const last = Math.min(maxCode, maxCode - reached)
    for (let zero = first; zero <= last; zero++) {
      const a = crosses[zero]! + cross[id]!
      const b = squares[zero]! + square[id]!
      crosses[zero] = a
      squares[zero] = b
      if (a * a > best.gain * b) enter(search, a, b, zero)
    }
  }
}

/** All zeros under which the codes in use reach to one end at least. */
function clipped(search: Search, cross: number, square: number, low: number, high: number): void {
  const { sorted, maxCode, best } = search
  const { values, weights, count } = sorted
  const until = Math.min(0, high - maxCode)
  for (let least = Math.max(low, -maxCode); least <= until; least++) {
    const most = least + maxCode
    let a = cross
    let b = square
    for (let i = count - 1; i >= 0 && steps[i]! > most; i--) {
      a += weights[i]! * values[i]! * (most - steps[i]!)
      b += weights[i]! * (most * most - steps[i]! * steps[i]!)
    }
    for (let i = 0; i < count && steps[i]! < least; i++) {
      a += weights[i]! * values[i]! * (least - steps[i]!)
      b += weights[i]! * (least * least - steps[i]! * steps[i]!)
    }
    if (a > 0 && a * a > best.gain * b) enter(search, a, b, -least)
  }
}

/**
 * The best stored scale of one assignment, measured: while equal values cross one after another their order is not that
 * of codes.
 */
function enter(search: Search, cross: number, square: number, zero: number): void {
  const { best } = search
  const scale = search.round(cross / square)
  if (!(scale * (2 * cross - scale * square) > best.gain) || !Number.isFinite(scale)) return
  measureAffine(search.values, search.block, search.maxCode, scale, zero, best)
}
