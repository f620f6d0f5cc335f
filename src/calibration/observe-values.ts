import type { Kernels } from '../model/kernels.ts'
import { OBSERVED_RUN_BYTES } from '../model/observe-kernels.ts'
import { powerOfTwo } from '../numbers/power-of-two.ts'
import type { ChannelMoments } from './observers/channel-moments.ts'
import { notFinite } from './observers/extremes.ts'

/** Floats that are looked at in one go; runs are cut at multiples of it. */
const TILE = 32768
const TILE_BYTES = 4 * TILE
/** Shorter runs of a channel are looked at as columns. */
const SHORT = 8
/** Below it a power of two is no normal float32. */
const LEAST_EXPONENT = -126

/**
 * `channelMomentsOf` by kernels: the same but for the order in which a channel is summed up, see `observeRuns` and `observeColumns`.
 * Without an axis all values are one channel. The shape holds as many values as there are. E_NONFINITE as there.
 */
export function momentsOf(
  kernels: Kernels,
  values: Float32Array,
  shape: readonly number[],
  axis: number | undefined,
): ChannelMoments {
  const channels = axis === undefined ? 1 : (shape[axis] as number)
  const inner = axis === undefined ? values.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const moments = inner < SHORT ? byColumn(kernels, values, channels, inner) : byRun(kernels, values, channels, inner)
  for (const energy of moments.squares) {
    if (energy < Number.POSITIVE_INFINITY) continue
    const index = values.findIndex((value) => !Number.isFinite(value))
    throw notFinite(index, values[index] as number)
  }
  return { count: values.length / channels, ...moments }
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

function byRun(kernels: Kernels, values: Float32Array, channels: number, inner: number): Moments {
  const found = empty(channels)
  const tile = kernels.reserve(TILE_BYTES + (TILE / SHORT + 1) * OBSERVED_RUN_BYTES)
  const out = tile + TILE_BYTES
  const look = (from: number, runs: number, length: number, first: number): void => {
    kernels.observeRuns(tile + 4 * from, runs, length, out)
    const singles = new Float32Array(kernels.memory, out, (runs * OBSERVED_RUN_BYTES) / 4)
    const doubles = new Float64Array(kernels.memory, out, (runs * OBSERVED_RUN_BYTES) / 8)
    for (let run = 0, channel = first % channels; run < runs; run++) {
      found.min[channel] = Math.min(found.min[channel]!, singles[6 * run]!)
      found.max[channel] = Math.max(found.max[channel]!, singles[6 * run + 1]!)
      found.sum[channel]! += doubles[3 * run + 1]!
      found.squares[channel]! += doubles[3 * run + 2]!
      channel = channel + 1 === channels ? 0 : channel + 1
    }
  }
  eachTile(kernels, values, tile, (start, length) => {
    eachPiece(start, length, inner, look)
  })
  return found
}

function byColumn(kernels: Kernels, values: Float32Array, channels: number, inner: number): Moments {
  const columns = channels * inner
  const found = empty(columns)
  const state = TILE_BYTES
  const padded = 8 * Math.ceil(columns / 2)
  const tile = kernels.reserve(state + 6 * padded)
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
  eachTile(kernels, values, tile, (start, length) => {
    eachPiece(start, length, columns, (from, rows, width, _, column) => {
      const [single, double] = [4 * column, 8 * column]
      kernels.observeColumns(tile + 4 * from, rows, width, min + single, max + single, sum + double, squares + double)
    })
  })
  const all = views()
  const folded = empty(channels)
  for (let column = 0; column < columns; column++) {
    const channel = Math.floor(column / inner)
    folded.min[channel] = Math.min(folded.min[channel]!, all.min[column]! + 0)
    folded.max[channel] = Math.max(folded.max[channel]!, all.max[column]! + 0)
    folded.sum[channel]! += all.sum[column]!
    folded.squares[channel]! += all.squares[column]!
  }
  // NaN would pass for less than anything.
  folded.squares.forEach((energy, channel) => {
    if (Number.isNaN(energy)) folded.squares[channel] = Number.POSITIVE_INFINITY
  })
  return folded
}

/** Adds up the histogram of `counts.length` bins of width 2^exponent around 0; gives how many are exactly 0. All values are inside. */
export function countInto(
  kernels: Kernels,
  values: Float32Array,
  range: { readonly min: number; readonly max: number },
  exponent: number,
  counts: Float64Array,
): number {
  const half = counts.length / 2
  const perUnit = powerOfTwo(-exponent)
  if (exponent < LEAST_EXPONENT) return countSingly(values, perUnit, counts)
  const first = Math.floor(range.min * perUnit)
  const binCount = Math.floor(range.max * perUnit) - first + 1
  const tile = kernels.reserve(TILE_BYTES + 4 * binCount)
  const bins = tile + TILE_BYTES
  new Uint32Array(kernels.memory, bins, binCount).fill(0)
  let zeros = 0
  eachTile(kernels, values, tile, (_, length) => {
    zeros += kernels.countBins(tile, length, perUnit, first, bins, binCount)
  })
  const found = new Uint32Array(kernels.memory, bins, binCount)
  for (let bin = 0; bin < binCount; bin++) counts[half + first + bin]! += found[bin]!
  return zeros
}

function countSingly(values: Float32Array, perUnit: number, counts: Float64Array): number {
  let zeros = 0
  for (const value of values) {
    if (value === 0) zeros++
    counts[Math.floor(value * perUnit) + counts.length / 2]! += 1
  }
  return zeros
}

function eachTile(
  kernels: Kernels,
  values: Float32Array,
  tile: number,
  visit: (start: number, length: number) => void,
): void {
  for (let start = 0; start < values.length; start += TILE) {
    const part = values.subarray(start, start + TILE)
    new Float32Array(kernels.memory, tile, part.length).set(part)
    visit(start, part.length)
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
