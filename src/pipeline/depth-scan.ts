import type { WeightFacts } from '../model/inventory.ts'
import type { MatrixView } from '../model/scheme.ts'
import type { Tools } from '../model/tools.ts'
import { withFloats } from './floats.ts'

/** Elements of one read, in whole rows of the file: they stay in the second-level cache until they are looked at. */
const WINDOW = 1 << 17

/** Longest row that the kernels take. */
const MOST_WIDTH = 1 << 20

/** What a matrix is like at each index of its depth. */
export interface DepthFacts {
  /** Sums of squares, in f64 and in file order. */
  readonly energy: Float64Array
  /** Largest magnitudes. */
  readonly largest: Float64Array
}

/** One pass over a weight. */
export async function scanDepth(weight: WeightFacts, view: MatrixView, tools: Tools): Promise<DepthFacts> {
  const energy = new Float64Array(view.depth)
  const largest = new Float64Array(view.depth)
  await eachWindow(weight, view, tools, (values, row, width) => {
    for (let at = 0; at < values.length; at += width, row++) {
      if (view.along === 'row') addRow(values, at, width, energy, largest)
      else addElements(values, at, width, row, energy, largest)
    }
  })
  return { energy, largest }
}

/** One index of the depth after the other. */
function addRow(values: Float32Array, at: number, width: number, energy: Float64Array, largest: Float64Array): void {
  for (let k = 0; k < width; k++) {
    const value = values[at + k] as number
    const size = value < 0 ? -value : value
    energy[k] = (energy[k] as number) + value * value
    if (size > (largest[k] as number)) largest[k] = size
  }
}

/** All of one index of the depth. */
function addElements(
  values: Float32Array,
  at: number,
  width: number,
  k: number,
  energy: Float64Array,
  largest: Float64Array,
): void {
  let sum = 0
  let most = 0
  for (let i = at; i < at + width; i++) {
    const value = values[i] as number
    const size = value < 0 ? -value : value
    sum += value * value
    if (size > most) most = size
  }
  energy[k] = sum
  largest[k] = most
}

/** Largest magnitude of each channel over the depth without `apart`, and the magnitudes of each index that is apart; times `factor`. */
export async function scanChannels(
  weight: WeightFacts,
  view: MatrixView,
  factor: (k: number) => number,
  apart: readonly number[],
  tools: Tools,
): Promise<{ readonly rest: Float64Array; readonly rows: readonly Float64Array[] }> {
  const rest = new Float64Array(view.channels)
  const rows = apart.map(() => new Float64Array(view.channels))
  const into: Float64Array[] = Array.from({ length: view.depth }, () => rest)
  apart.forEach((k, i) => {
    into[k] = rows[i] as Float64Array
  })
  const factors = Float64Array.from({ length: view.depth }, (_, k) => factor(k))
  await eachWindow(weight, view, tools, (values, row, width) => {
    for (let at = 0; at < values.length; at += width, row++) {
      if (view.along === 'row') {
        for (let k = 0; k < width; k++) {
          const size = Math.abs(values[at + k] as number) * (factors[k] as number)
          const target = into[k] as Float64Array
          if (size > (target[row] as number)) target[row] = size
        }
      } else foldSizes(values, at, factors[row] as number, into[row] as Float64Array)
    }
  })
  return { rest, rows }
}

/** Folds magnitudes times `factor` into those of each channel. */
function foldSizes(values: Float32Array, at: number, factor: number, into: Float64Array): void {
  for (let n = 0; n < into.length; n++) {
    const value = values[at + n] as number
    const size = (value < 0 ? -value : value) * factor
    if (size > (into[n] as number)) into[n] = size
  }
}

/** Largest magnitudes along both sides of a matrix. */
export interface Sides {
  /** Of each index of the depth. */
  readonly depth: Float64Array
  readonly channels: Float64Array
}

/** One pass over a weight, without sums; null where a value is not finite. */
export async function scanSides(weight: WeightFacts, view: MatrixView, tools: Tools): Promise<Sides | null> {
  const { kernels } = tools
  const [rows, width] = view.along === 'row' ? [view.channels, view.depth] : [view.depth, view.channels]
  if (width > MOST_WIDTH) {
    const { energy, largest } = await scanDepth(weight, view, tools)
    if (!energy.every(Number.isFinite)) return null
    return { depth: largest, channels: (await scanChannels(weight, view, () => 1, [], tools)).rest }
  }
  const byRow = new Float64Array(rows)
  const least = new Float32Array(width).fill(Number.POSITIVE_INFINITY)
  const largest = new Float32Array(width).fill(Number.NEGATIVE_INFINITY)
  let allFinite = true
  const look = (pointer: number, row: number, count: number): void => {
    // What is kept from window to window is not the kernels' memory: others use it in between.
    const [mins, maxs, out] = [
      pointer + count * width * 4,
      pointer + (count + 1) * width * 4,
      pointer + (count + 2) * width * 4,
    ]
    const [kept, more] = [new Float32Array(kernels.memory, mins, width), new Float32Array(kernels.memory, maxs, width)]
    kept.set(least)
    more.set(largest)
    kernels.foldColumns(pointer, width, count, width, mins, maxs)
    least.set(kept)
    largest.set(more)
    const facts = new Float32Array(kernels.memory, out, 3)
    for (let i = 0; i < count; i++) {
      if (kernels.census(pointer + i * width * 4, width, out) >= 0) allFinite = false
      byRow[row + i] = facts[2] as number
    }
  }
  const step = Math.max(1, Math.floor(WINDOW / Math.max(1, width)))
  for (let row = 0; row < rows && allFinite; row += step) {
    tools.signal?.throwIfAborted()
    const count = Math.min(step, rows - row)
    const wait = withFloats(weight.tensor, row * width, count * width, kernels, width * 8 + 16, (at) =>
      look(at, row, count),
    )
    if (wait) await wait
  }
  if (!allFinite) return null
  const byColumn = Float64Array.from(largest, (value, n) => Math.max(value, -(least[n] as number), 0))
  return view.along === 'row' ? { depth: byColumn, channels: byRow } : { depth: byRow, channels: byColumn }
}

/** The values at some indices of the depth, channel by channel, one index after the other. */
export async function rowsAt(
  weight: WeightFacts,
  view: MatrixView,
  indices: readonly number[],
  tools: Tools,
): Promise<Float32Array> {
  const { channels } = view
  const found = new Float32Array(indices.length * channels)
  if (view.along === 'column') {
    for (const [i, k] of indices.entries()) {
      const { kernels } = tools
      const wait = withFloats(weight.tensor, k * channels, channels, kernels, 0, (at) =>
        found.set(new Float32Array(kernels.memory, at, channels), i * channels),
      )
      if (wait) await wait
    }
    return found
  }
  await eachWindow(weight, view, tools, (values, row, width) => {
    for (let at = 0; at < values.length; at += width, row++) {
      for (const [i, k] of indices.entries()) found[i * channels + row] = values[at + k] as number
    }
  })
  return found
}

/** Rows of the stored matrix (of `width` elements), window by window; `row` is the first one. The values last as long as the call. */
async function eachWindow(
  weight: WeightFacts,
  { along, depth, channels }: MatrixView,
  { kernels, signal }: Tools,
  visit: (values: Float32Array, row: number, width: number) => void,
): Promise<void> {
  const width = along === 'row' ? depth : channels
  const rows = along === 'row' ? channels : depth
  const step = Math.max(1, Math.floor(WINDOW / Math.max(1, width)))
  for (let row = 0; row < rows; row += step) {
    signal?.throwIfAborted()
    const count = Math.min(step, rows - row) * width
    const wait = withFloats(weight.tensor, row * width, count, kernels, 0, (at) =>
      visit(new Float32Array(kernels.memory, at, count), row, width),
    )
    if (wait) await wait
  }
}
