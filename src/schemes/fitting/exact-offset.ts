import { type Crossings, LOW_WORD, roomFor, sortCrossings } from './crossings.ts'
import { fastOffset } from './fast-offset.ts'
import type { Offset, OffsetOptions } from './fit-offset.ts'
import { leastReach, type SortedBlock, sortBlock } from './sorted-block.ts'
import { settleOffset } from './stored-offset.ts'
import type { BlockSummary } from './weighted-values.ts'

/**
 * The sweeps of a longer block would take seconds; it keeps the fast search's place, with the best stored scale there.
 */
export const MOST_SWEPT = 512

/**
 * The least squared error that any scale and offset reach for up to 512 values, then the best stored ones near them.
 *
 * In the plane of (offset, scale) a value changes its code on a straight line, and lines bound the cells in which all
 * codes stay as they are. Every cell touches some value's line; so holding each value in turn exactly between two
 * levels and sweeping the scale passes along every cell, where the least squares line through codes and values gives
 * the cell's best. Codes have no end in the sweep: where more than maxCode + 1 are in use, every window of them is
 * tried.
 */
export function exactOffset(
  values: Float32Array,
  block: BlockSummary,
  maxCode: number,
  options: OffsetOptions,
  closed: Offset,
): Offset {
  const start = fastOffset(values, block, maxCode, options, closed)
  const sorted = sortBlock(values, block.weights)
  const { count } = sorted
  if (count === 0 || sorted.values[0] === sorted.values[count - 1]) return start
  if (count > MOST_SWEPT) return settleOffset(values, block, maxCode, options, start, start)
  const search = makeSearch(sorted, maxCode, start)
  for (let first = 0, after = 1; first < count; first = after++) {
    while (after < count && sorted.values[after] === sorted.values[first]) after++
    sweepFrom(search, first, after)
  }
  return settleOffset(values, block, maxCode, options, start, search.best)
}

interface Search {
  readonly sorted: SortedBlock
  readonly maxCode: number
  readonly mean: number
  readonly weight: number
  /** Sum of w (x - mean)^2. */
  readonly energy: number
  readonly best: Offset
  bestGain: number
}

/** Level number of each value; level k lies k + 1/2 scales above the anchor. */
let steps = new Int32Array(256)

function makeSearch(sorted: SortedBlock, maxCode: number, start: Offset): Search {
  const { values, weights, count } = sorted
  if (steps.length < count) steps = new Int32Array(count)
  let weight = 0
  let sum = 0
  for (let i = 0; i < count; i++) {
    weight += weights[i]!
    sum += weights[i]! * values[i]!
  }
  const mean = sum / weight
  let energy = 0
  let error = 0
  for (let i = 0; i < count; i++) {
    const x = values[i]!
    const code =
      start.scale > 0 ? Math.min(maxCode, Math.max(0, Math.floor((x - start.offset) / start.scale + 0.5))) : 0
    const missing = x - start.offset - start.scale * code
    energy += weights[i]! * (x - mean) * (x - mean)
    error += weights[i]! * missing * missing
  }
  return { sorted, maxCode, mean, weight, energy, best: { ...start }, bestGain: energy - error }
}

/** The sweep with values first .. after - 1, which are equal, as anchor. */
function sweepFrom(search: Search, first: number, after: number): void {
  const { sorted, maxCode, mean } = search
  const end = maxCode / leastReach(sorted, (search.energy - search.bestGain) * (1 + 1e-9), false)
  const { values, weights, count: length } = sorted
  const anchor = values[first]!
  let count = 0
  let { places, cross, square, value } = roomFor(0)
  let held = 0
  let weightBelow = 0
  let crossBelow = 0
  for (let i = 0; i < length; i++) {
    const w = weights[i]!
    const side = i < first ? -1 : i < after ? 0 : 1
    steps[i] = side < 0 ? -1 : 0
    if (side === 0) {
      held += w
      continue
    }
    const weighted = side * w * (values[i]! - mean)
    if (side < 0) {
      weightBelow += w
      crossBelow += weighted
    }
    const distance = side * (values[i]! - anchor)
    // The anchor's two levels are among the codes, so no value lies further than maxCode levels from there.
    const limit = Math.min(end * distance, maxCode)
    const room = count + maxCode
    if (places.length < room) ({ places, cross, square, value } = roomFor(room))
    for (let k = 1; k < limit; k++) {
      places[count] = k / distance
      cross[count] = weighted
      square[count] = w * (2 * k - side)
      value[count] = i
      count++
    }
  }
  const at = { first, after, held, crossHeld: held * (anchor - mean) }
  visit(search, at, roomFor(count), count, weightBelow, crossBelow)
}

interface Anchor {
  readonly first: number
  readonly after: number
  readonly held: number
  readonly crossHeld: number
}

function visit(
  search: Search,
  at: Anchor,
  crossings: Crossings,
  count: number,
  weightBelow: number,
  crossBelow: number,
): void {
  const mask = sortCrossings(crossings, count)
  const { words, cross, square, value } = crossings
  const { weights } = search.sorted
  const { first, held, crossHeld } = at
  const perWeight = 1 / search.weight
  let a = crossBelow
  let m = -weightBelow
  let b = weightBelow
  for (let e = -1; e < count; e++) {
    if (e >= 0) {
      const id = words[2 * e + LOW_WORD]! & mask
      const i = value[id]!
      const side = i < first ? -1 : 1
      steps[i] = steps[i]! + side
      a += cross[id]!
      b += square[id]!
      m += side * weights[i]!
    }
    if (a * a > search.bestGain * (b - m * m * perWeight)) enter(search, at, 0, a, m, b)
    const a1 = a - crossHeld
    const m1 = m - held
    const b1 = b + held
    if (a1 * a1 > search.bestGain * (b1 - m1 * m1 * perWeight)) enter(search, at, -1, a1, m1, b1)
  }
}

/** An assignment that would be the best if codes had no end: all its windows of maxCode + 1 codes. */
function enter(search: Search, at: Anchor, held: 0 | -1, cross: number, sum: number, square: number): void {
  const { sorted, maxCode } = search
  const { values, weights, count } = sorted
  steps.fill(held, at.first, at.after)
  const low = steps[0]!
  const until = Math.max(low, Math.min(steps[count - 1]! - maxCode, -1))
  for (let least = low; least <= until; least++) {
    const most = least + maxCode
    let a = cross
    let m = sum
    let b = square
    for (let i = count - 1; i >= 0 && steps[i]! > most; i--) {
      const moved = weights[i]! * (most - steps[i]!)
      a += moved * (values[i]! - search.mean)
      m += moved
      b += moved * (most + steps[i]!)
    }
    for (let i = 0; i < count && steps[i]! < least; i++) {
      const moved = weights[i]! * (least - steps[i]!)
      a += moved * (values[i]! - search.mean)
      m += moved
      b += moved * (least + steps[i]!)
    }
    const spread = b - (m * m) / search.weight
    if (!(a > 0 && spread > 0 && a * a > search.bestGain * spread)) continue
    const scale = a / spread
    measure(search, scale, search.mean - (scale * m) / search.weight + scale * least)
  }
}

/** Measured, since equal values that cross one after another stand for a moment in no order of codes. */
function measure(search: Search, scale: number, offset: number): void {
  const { sorted, maxCode } = search
  const inverse = 1 / scale
  let error = 0
  for (let i = 0; i < sorted.count; i++) {
    const above = sorted.values[i]! - offset
    let code = Math.floor(above * inverse + 0.5)
    if (code > maxCode) code = maxCode
    else if (!(code > 0)) code = 0
    const missing = above - scale * code
    error += sorted.weights[i]! * missing * missing
  }
  const gain = search.energy - error
  if (!(gain > search.bestGain)) return
  search.bestGain = gain
  search.best.scale = scale
  search.best.offset = offset
}
