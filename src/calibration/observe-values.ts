import type { Kernels } from '../model/kernels.ts'
import { OBSERVED_RUN_BYTES } from '../model/observe-kernels.ts'
import type { ValueRange } from '../model/observer.ts'
import { powerOfTwo } from '../numbers/power-of-two.ts'
import { coarser, exponentFor } from './observers/aligned-histogram.ts'
import type { ChannelMoments } from './observers/channel-moments.ts'
import { joinRanges, NO_RANGE, notFinite } from './observers/extremes.ts'

/** Shorter runs of a channel are looked at as columns. */
const SHORT = 8
/** Floats that are looked at in one go; runs are cut at multiples of it. */
const TILE = 32768
const TILE_BYTES = 4 * TILE
/** Bytes that functions here may take of what the kernels reserve. Values that lie behind them are looked at where they are. */
export const OBSERVE_BYTES = 16 << 20
/** Places of the histogram, behind what runs and columns take. */
const RUN_TABLE = TILE_BYTES + (TILE / SHORT + 1) * OBSERVED_RUN_BYTES
const COLUMN_TABLE = OBSERVE_BYTES - (1 << 20)
/** Of the floats that stand for all, behind what columns take. */
const CHOSEN = 12 << 20
/** Floats of a block, one of which stands for a group of them. */
const BLOCK = 16
/** Groups are no longer than a tile. */
const MOST_SHIFT = 11
/** More are not chosen: then all are counted. */
const MOST_CHOSEN = 1 << 19
/** Floats that are counted in one go, while they are still near. */
const COUNTED = 4 * TILE
/** Below it a power of two is no normal float32. */
const LEAST_EXPONENT = -126

/** What one sample of a value holds: `counts` in bins of 2^exponent around 0. */
export interface Observed {
  readonly moments: ChannelMoments
  readonly range: ValueRange
  readonly exponent: number
  readonly counts: ArrayLike<number>
  readonly zeros: number
}

/**
 * Moments of channels, range and histogram in one go: `channelMomentsOf` by kernels, but for the order in which a channel is summed up
 * (see `observeRuns` and `observeColumns`), and counts in bins of the least width, from 2^exponent up, whose `bins` reach all values.
 * Without an axis all values are one channel. The shape holds as many values as there are. E_NONFINITE as there.
 *
 * Of at least twice `least` values so many or more are counted, 16 side by side in places that depend on the number of values only: one
 * block counts for 2, 4, 8 ... blocks, so that all counts still add up to the number of values. Ranges and moments are of all values.
 */
export function observeValues(
  kernels: Kernels,
  values: Float32Array,
  shape: readonly number[],
  axis: number | undefined,
  exponent: number,
  bins: number,
  least = Number.POSITIVE_INFINITY,
): Observed {
  const shift = shiftFor(values.length, least)
  const channels = axis === undefined ? 1 : (shape[axis] as number)
  const inner = axis === undefined ? values.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const count = values.length / channels
  if (inner < SHORT) {
    const moments = { count, ...byColumn(kernels, values, channels, inner) }
    checkFinite(moments, values)
    const range = rangeOf(moments)
    const histogram = new Histogram(kernels, COLUMN_TABLE, exponent, bins)
    if (shift > 0) {
      const chosen = new Chosen(kernels, values.length, shift)
      eachTile(kernels, values, kernels.reserve(OBSERVE_BYTES), (start, length, at) => chosen.take(start, length, at))
      chosen.count(histogram, range)
      return { moments, range, ...histogram.found() }
    }
    eachTile(kernels, values, kernels.reserve(OBSERVE_BYTES), (start, length, at) =>
      histogram.add(values.subarray(start, start + length), range, at),
    )
    return { moments, range, ...histogram.found() }
  }
  const histogram = new Histogram(kernels, RUN_TABLE, exponent, bins)
  const chosen = shift > 0 ? new Chosen(kernels, values.length, shift) : undefined
  const moments = { count, ...byRun(kernels, values, channels, inner, chosen ?? histogram) }
  checkFinite(moments, values)
  const range = rangeOf(moments)
  chosen?.count(histogram, range)
  return { moments, range, ...histogram.found() }
}

/** One block of 2^shift is counted. */
function shiftFor(count: number, least: number): number {
  let shift = 0
  while (shift < MOST_SHIFT && count >= least * 2 ** (shift + 1)) shift++
  return count / 2 ** shift > MOST_CHOSEN ? 0 : shift
}

function checkFinite({ squares }: Moments, values: Float32Array): void {
  for (const energy of squares) {
    if (energy < Number.POSITIVE_INFINITY) continue
    const index = values.findIndex((value) => !Number.isFinite(value))
    throw notFinite(index, values[index] as number)
  }
}

function rangeOf({ min, max }: Moments): ValueRange {
  let range = NO_RANGE
  for (let i = 0; i < min.length; i++) range = joinRanges(range, { min: min[i]!, max: max[i]! })
  return range
}

type Moments = Omit<ChannelMoments, 'count'>

function empty(count: number): Moments {
  return {
    min: new Float32Array(count).fill(Number.POSITIVE_INFINITY),
    max: new Float32Array(count).fill(Number.NEGATIVE_INFINITY),
    sum: new Float64Array(count),
    squares: new Float64Array(count),
  }
}

function byRun(
  kernels: Kernels,
  values: Float32Array,
  channels: number,
  inner: number,
  counted: Histogram | Chosen,
): Moments {
  const found = empty(channels)
  const tile = kernels.reserve(OBSERVE_BYTES)
  const out = tile + TILE_BYTES
  const most = TILE / SHORT + 1
  const singles = new Float32Array(kernels.memory, out, 6 * most)
  const doubles = new Float64Array(kernels.memory, out, 3 * most)
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  let finite = true
  let open = 0
  eachTile(kernels, values, tile, (start, length, at) => {
    eachPiece(start, length, inner, (from, runs, size, first) => {
      kernels.observeRuns(at + 4 * from, runs, size, out)
      const seen = foldRuns(found, singles, doubles, runs, first % channels)
      low = Math.min(low, seen.min)
      high = Math.max(high, seen.max)
      if (!seen.allFinite) finite = false
    })
    if (counted instanceof Chosen) {
      counted.take(start, length, at)
      return
    }
    open += length
    // Values in a place of their own are still there one tile later.
    const wait = at !== tile && open < COUNTED && start + length < values.length
    if (wait || !finite) return
    const first = start + length - open
    counted.add(values.subarray(first, first + open), { min: low, max: high }, at - 4 * (start - first))
    open = 0
  })
  return found
}

/** Records of runs of channels that follow one another from `first` on. */
function foldRuns(
  { min, max, sum, squares }: Moments,
  singles: Float32Array,
  doubles: Float64Array,
  runs: number,
  first: number,
): ValueRange & { readonly allFinite: boolean } {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  let allFinite = true
  for (let run = 0, channel = first; run < runs; run++) {
    const [least, greatest] = [singles[6 * run]!, singles[6 * run + 1]!]
    const energy = doubles[3 * run + 2]!
    if (least < low) low = least
    if (greatest > high) high = greatest
    if (least < min[channel]!) min[channel] = least
    if (greatest > max[channel]!) max[channel] = greatest
    sum[channel]! += doubles[3 * run + 1]!
    squares[channel]! += energy
    if (energy === Number.POSITIVE_INFINITY) allFinite = false
    channel = channel + 1 === min.length ? 0 : channel + 1
  }
  return { min: low, max: high, allFinite }
}

function byColumn(kernels: Kernels, values: Float32Array, channels: number, inner: number): Moments {
  const columns = channels * inner
  const found = empty(columns)
  const state = TILE_BYTES
  const padded = 8 * Math.ceil(columns / 2)
  const tile = kernels.reserve(OBSERVE_BYTES)
  const min = tile + state
  const [max, sum] = [min + padded, min + 2 * padded]
  const squares = sum + 2 * padded
  const views = () =>
    ({
      min: new Float32Array(kernels.memory, min, columns),
      max: new Float32Array(kernels.memory, max, columns),
      sum: new Float64Array(kernels.memory, sum, columns),
      squares: new Float64Array(kernels.memory, squares, columns),
    }) satisfies Moments
  const before = views()
  for (const part of ['min', 'max', 'sum', 'squares'] as const) before[part].set(found[part])
  eachTile(kernels, values, tile, (start, length, at) => {
    eachPiece(start, length, columns, (from, rows, width, _, column) => {
      const [single, double] = [4 * column, 8 * column]
      kernels.observeColumns(at + 4 * from, rows, width, min + single, max + single, sum + double, squares + double)
    })
  })
  const folded = empty(channels)
  foldColumns(folded, views(), inner)
  return folded
}

/** What columns hold, channel by channel: `inner` of them each. */
function foldColumns(folded: Moments, { min, max, sum, squares }: Moments, inner: number): void {
  for (let column = 0; column < min.length; column++) {
    const channel = Math.floor(column / inner)
    folded.min[channel] = Math.min(folded.min[channel]!, min[column]! + 0)
    folded.max[channel] = Math.max(folded.max[channel]!, max[column]! + 0)
    folded.sum[channel]! += sum[column]!
    folded.squares[channel]! += squares[column]!
  }
  // NaN would pass for less than anything.
  for (let channel = 0; channel < folded.squares.length; channel++)
    if (Number.isNaN(folded.squares[channel])) folded.squares[channel] = Number.POSITIVE_INFINITY
}

/** The histogram of one sample while it grows, in a table of the kernels' memory. */
class Histogram {
  readonly #kernels: Kernels
  readonly #table: number
  readonly #bins: number
  #exponent: number
  #zeros = 0

  /** `place`: of the table, from where the kernels' reserve begins. */
  constructor(kernels: Kernels, place: number, exponent: number, bins: number) {
    this.#kernels = kernels
    this.#table = kernels.reserve(OBSERVE_BYTES) + place
    this.#bins = bins
    this.#exponent = exponent
    this.#view().fill(0)
  }

  /** Counts values, which lie `at`; `range` holds them. */
  add(values: Float32Array, range: ValueRange, at: number): void {
    const { length } = values
    const half = this.#bins / 2
    if (range.min === 0 && range.max === 0) {
      this.#zeros += length
      this.#view()[half]! += length
      return
    }
    this.#widen(exponentFor(range, half, this.#exponent))
    const perUnit = powerOfTwo(-this.#exponent)
    if (this.#exponent < LEAST_EXPONENT) {
      this.#countSingly(values, perUnit)
      return
    }
    const first = Math.floor(range.min * perUnit)
    const binCount = Math.floor(range.max * perUnit) - first + 1
    this.#zeros += this.#kernels.countBins(at, length, perUnit, first, this.#table + 4 * (half + first), binCount)
  }

  found(): Pick<Observed, 'exponent' | 'counts' | 'zeros'> {
    return { exponent: this.#exponent, counts: this.#view(), zeros: this.#zeros }
  }

  /** What was counted so far, all of it within `range`, counts so many times. */
  multiply(by: number, { min, max }: ValueRange): void {
    const view = this.#view()
    const perUnit = powerOfTwo(-this.#exponent)
    const half = this.#bins / 2
    const last = half + Math.floor(max * perUnit)
    for (let bin = half + Math.floor(min * perUnit); bin <= last; bin++) view[bin]! *= by
    this.#zeros *= by
  }

  #widen(exponent: number): void {
    if (exponent === this.#exponent) return
    const view = this.#view()
    view.set(coarser({ exponent: this.#exponent, counts: Float64Array.from(view) }, exponent))
    this.#exponent = exponent
  }

  #countSingly(values: Float32Array, perUnit: number): void {
    const view = this.#view()
    for (const value of values) {
      if (value === 0) this.#zeros++
      view[Math.floor(value * perUnit) + this.#bins / 2]! += 1
    }
  }

  #view(): Uint32Array {
    return new Uint32Array(this.#kernels.memory, this.#table, this.#bins)
  }
}

/** Values of one sample that stand for all of them. */
class Chosen {
  readonly #kernels: Kernels
  readonly #shift: number
  readonly #group: number
  readonly #whole: number
  readonly #at: number
  #taken = 0

  /** Of `count` values; one block of 2^shift counts. */
  constructor(kernels: Kernels, count: number, shift: number) {
    this.#kernels = kernels
    this.#shift = shift
    this.#group = BLOCK * 2 ** shift
    this.#whole = count - (count % this.#group)
    this.#at = kernels.reserve(OBSERVE_BYTES) + CHOSEN
  }

  /** The next tile, which lies `at`: tiles begin with a group. */
  take(start: number, length: number, at: number): void {
    const groups = Math.floor(Math.min(length, Math.max(0, this.#whole - start)) / this.#group)
    const to = this.#at + 4 * this.#taken
    this.#kernels.sampleBlocks(at, groups, this.#shift, start / this.#group, to)
    this.#taken += groups * BLOCK
    const rest = length - groups * this.#group
    if (rest === 0) return
    const { memory } = this.#kernels
    new Uint8Array(memory).copyWithin(to + 4 * groups * BLOCK, at + 4 * groups * this.#group, at + 4 * length)
    this.#taken += rest
  }

  /** Counts what was taken for what it stands for; `range` holds it. */
  count(histogram: Histogram, range: ValueRange): void {
    const all = new Float32Array(this.#kernels.memory, this.#at, this.#taken)
    const chosen = this.#whole / 2 ** this.#shift
    histogram.add(all.subarray(0, chosen), range, this.#at)
    histogram.multiply(2 ** this.#shift, range)
    if (chosen < all.length) histogram.add(all.subarray(chosen), range, this.#at + 4 * chosen)
  }
}

function eachTile(
  kernels: Kernels,
  values: Float32Array,
  tile: number,
  visit: (start: number, length: number, at: number) => void,
): void {
  const placed = values.buffer === kernels.memory
  for (let start = 0; start < values.length; start += TILE) {
    const length = Math.min(TILE, values.length - start)
    if (!placed) new Float32Array(kernels.memory, tile, length).set(values.subarray(start, start + length))
    visit(start, length, placed ? values.byteOffset + 4 * start : tile)
  }
}

/** What a tile holds of lines of `width`: the rest of one, whole ones, the start of one. `line` and `column` say where. */
function eachPiece(
  start: number,
  length: number,
  width: number,
  visit: (from: number, lines: number, width: number, line: number, column: number) => void,
): void {
  let at = 0
  while (at < length) {
    const column = (start + at) % width
    const line = (start + at - column) / width
    const left = length - at
    const lines = column === 0 ? Math.floor(left / width) : 0
    const size = lines > 0 ? width : Math.min(width - column, left)
    visit(at, Math.max(lines, 1), size, line, column)
    at += Math.max(lines, 1) * size
  }
}
