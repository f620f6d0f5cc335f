import { type Crossings, LOW_WORD, roomFor, sortCrossings, WINDOW } from './crossings.ts'
import { seedScale, widestScale } from './fast-scale.ts'
import type { ScaleOptions } from './fit-scale.ts'
import type { PreparedTable, Steps } from './prepared-table.ts'
import type { BlockSummary } from './weighted-values.ts'

/** Scale as stored, and what it takes off the error of decoding all to 0. */
export interface ScaleChoice {
  scale: number
  gain: number
}

/**
 * The least squared error that any stored scale reaches. The error at a scale is the least over all assignments of
 * values to levels; for one assignment it is a parabola of the scale, whose best stored scale is the one nearest its
 * bottom. The best scale's own assignment is met in the sweep over all breakpoints value / midpoint, so the best over
 * the sweep is the best of all. Scales at which clipping alone costs more than the best known error are left out.
 */
export function exactScale(
  values: Float32Array,
  block: BlockSummary,
  table: PreparedTable,
  options: ScaleOptions,
  closed: number,
): number {
  const best: ScaleChoice = { scale: 0, gain: 0 }
  seedScale(values, block, table, options, closed, best)
  sweep(values, block, table, options, 1, best)
  if (options.signed && !table.symmetric) sweep(values, block, table, options, -1, best)
  return best.scale
}

/** Sums over the assignment that the sweep stands at, levels counted in the direction of positive values. */
interface Running {
  cross: number
  square: number
}

const running: Running = { cross: 0, square: 0 }
let passed = new Uint16Array(0)

function sweep(
  values: Float32Array,
  block: BlockSummary,
  table: PreparedTable,
  options: ScaleOptions,
  sign: 1 | -1,
  best: ScaleChoice,
): void {
  const { weights } = block
  const up = sign > 0 ? table.above : table.below
  const down = sign > 0 ? table.below : table.above
  const end = 1 / leastScale(values, block, up.reach, down.reach, widestScale(block, table, sign), best.gain)
  startSums(values, weights, table, up, down, sign)
  consider(running.cross, running.square, sign, options, best)

  const most = values.length * Math.max(up.points.length, down.points.length)
  const windows = most > WINDOW && end < Infinity ? Math.ceil(most / WINDOW) : 1
  if (windows > 1) passed = new Uint16Array(values.length)
  for (let window = 1; window <= windows; window++) {
    const until = window === windows ? end : (end / windows) * window
    const count = collect(values, weights, up, down, until, windows > 1)
    visit(roomFor(count), count, sign, options, best)
  }
  if (windows > 1) passed = new Uint16Array(0)
}

/** Every value at the level it has under an endless scale. */
function startSums(
  values: Float32Array,
  weights: Float32Array | undefined,
  table: PreparedTable,
  up: Steps,
  down: Steps,
  sign: 1 | -1,
): void {
  const { levels, zeroIndex } = table
  const levelUp = sign * levels[up.start]!
  const levelDown = sign * levels[down.start]!
  const levelZero = sign * levels[zeroIndex]!
  let cross = 0
  let square = 0
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!
    const level = x > 0 ? levelUp : x < 0 ? levelDown : levelZero
    const weighted = weights === undefined ? level : weights[i]! * level
    cross += weighted * x
    square += weighted * level
  }
  running.cross = cross
  running.square = square
}

/** Crossings up to `until`; with `windowed`, from where the last call stopped. Returns how many. */
function collect(
  values: Float32Array,
  weights: Float32Array | undefined,
  up: Steps,
  down: Steps,
  until: number,
  windowed: boolean,
): number {
  let count = 0
  let { places, cross, square } = roomFor(0)
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!
    const w = weights === undefined ? 1 : weights[i]!
    if (x === 0 || w === 0) continue
    const { points, rise, riseSquared } = x > 0 ? up : down
    const magnitude = x > 0 ? x : -x
    const weighted = w * magnitude
    const limit = until * magnitude
    if (places.length < count + points.length) ({ places, cross, square } = roomFor(count + points.length))
    let k = windowed ? passed[i]! : 0
    for (; k < points.length && points[k]! < limit; k++) {
      const place = points[k]! / magnitude
      places[count] = place
      cross[count] = weighted * rise[k]!
      square[count] = w * riseSquared[k]!
      count++
    }
    if (windowed) passed[i] = k
  }
  return count
}

function visit(crossings: Crossings, count: number, sign: 1 | -1, options: ScaleOptions, best: ScaleChoice): void {
  const mask = sortCrossings(crossings, count)
  const { words, cross, square } = crossings
  let a = running.cross
  let b = running.square
  for (let e = 0; e < count; e++) {
    const id = words[2 * e + LOW_WORD]! & mask
    a += cross[id]!
    b += square[id]!
    if (a > 0 && a * a > best.gain * b) consider(a, b, sign, options, best)
  }
  running.cross = a
  running.square = b
}

/** Enters the best stored scale of one assignment. */
function consider(cross: number, square: number, sign: 1 | -1, options: ScaleOptions, best: ScaleChoice): void {
  if (!(cross > 0 && square > 0)) return
  const bottom = (sign * cross) / square
  if (options.scales === undefined) {
    enter(options.round(bottom), cross, square, sign, best)
    return
  }
  const { scales } = options
  let after = 0
  for (let size = scales.length; size > 0; ) {
    const half = size >>> 1
    if (scales[after + half]! < bottom) {
      after += half + 1
      size -= half + 1
    } else size = half
  }
  if (after > 0) enter(scales[after - 1]!, cross, square, sign, best)
  if (after < scales.length) enter(scales[after]!, cross, square, sign, best)
}

function enter(scale: number, cross: number, square: number, sign: 1 | -1, best: ScaleChoice): void {
  const gain = scale * (2 * sign * cross - scale * square)
  if (gain > best.gain && Number.isFinite(scale) && scale * sign > 0) {
    best.scale = scale
    best.gain = gain
  }
}

const HALVINGS = 5

/** A scale below which clipping alone costs more than the best known error; 0 if there is none. */
function leastScale(
  values: Float32Array,
  block: BlockSummary,
  up: number,
  down: number,
  widest: number,
  gain: number,
): number {
  const budget = (block.energy - gain) * (1 + 1e-9)
  let low = 0
  let high = widest
  for (let turn = 0; turn < HALVINGS; turn++) {
    const middle = (low + high) / 2
    const highest = middle * Math.max(up, 0)
    const lowest = -middle * Math.max(down, 0)
    let cost = 0
    for (let i = 0; i < values.length; i++) {
      const x = values[i]!
      const beyond = x > highest ? x - highest : x < lowest ? lowest - x : 0
      cost += block.weights === undefined ? beyond * beyond : block.weights[i]! * beyond * beyond
    }
    if (cost > budget) low = middle
    else high = middle
  }
  return low
}
