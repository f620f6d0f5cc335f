import type { WeightFacts } from '../model/inventory.ts'
import type { MatrixView } from '../model/scheme.ts'
import type { Tools } from '../model/tools.ts'
import { floatsOf } from './floats.ts'

/** Elements of one read: 4 MiB of floats, in whole rows of the file. */
const WINDOW = 1 << 20

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
      found.set(await floatsOf(weight.tensor, k * channels, channels, tools.kernels), i * channels)
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

/** Rows of the stored matrix (of `width` elements), window by window; `row` is the first one. */
async function eachWindow(
  weight: WeightFacts,
  { along, depth, channels }: MatrixView,
  tools: Tools,
  visit: (values: Float32Array, row: number, width: number) => void,
): Promise<void> {
  const width = along === 'row' ? depth : channels
  const rows = along === 'row' ? channels : depth
  const step = Math.max(1, Math.floor(WINDOW / Math.max(1, width)))
  for (let row = 0; row < rows; row += step) {
    tools.signal?.throwIfAborted()
    const count = Math.min(step, rows - row)
    visit(await floatsOf(weight.tensor, row * width, count * width, tools.kernels), row, width)
  }
}
