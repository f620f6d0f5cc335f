import type { Inventory, WeightFacts } from '../model/inventory.ts'
import type { Kernels } from '../model/kernels.ts'
import type { IntegerSpec } from '../model/packing.ts'
import type { MatrixView, SolverId } from '../model/scheme.ts'
import type { Tools } from '../model/tools.ts'
import { bitsPerWeight, formatSchemeId } from '../schemes/index.ts'
import type { Ask } from './ask.ts'
import { breather } from './breath.ts'
import { floatsOf } from './floats.ts'
import { halves, measurements } from './plan.ts'
import { requireFinite } from './produce/tile.ts'
import { Table } from './table.ts'

/** Elements of a tensor that are looked at; enough that the choice does not change with more. */
const SAMPLE_ELEMENTS = 1 << 16

/**
 * Error and bytes of the candidate schemes of every weight that has a choice, on a sample of it.
 * Deterministic. Rows that `table` has already are not measured again.
 */
export async function measure(inventory: Inventory, ask: Ask, tools: Tools, table = new Table()): Promise<Table> {
  await measureSpecs(measurements(inventory, ask), ask.solver ?? 'search', tools, table)
  const breath = breather()
  for (const weight of halves(inventory, ask)) {
    if (table.largest(weight.scope, weight.name) !== undefined) continue
    await breath()
    tools.signal?.throwIfAborted()
    table.setLargest(weight.scope, weight.name, await largestOf(weight, tools.kernels))
  }
  return table
}

/** Error and bytes of schemes of some weights, put into the table. */
export async function measureSpecs(
  asked: readonly { readonly weight: WeightFacts; readonly specs: readonly IntegerSpec[] }[],
  solver: SolverId,
  tools: Tools,
  table: Table,
): Promise<void> {
  const wanted = asked.filter(({ weight, specs }) =>
    specs.some((spec) => !table.get(Table.key(weight.scope, weight.name, formatSchemeId(spec)))),
  )
  if (wanted.length === 0) return
  const { solveTensor } = await import('../solvers/index.ts')
  let done = 0
  const breath = breather()
  for (const { weight, specs } of wanted) {
    await breath()
    tools.signal?.throwIfAborted()
    tools.notify({ phase: 'measure', done, total: wanted.length, note: weight.name })
    const view = weight.uses[0]?.view
    if (!view) continue
    const { values, sampled } = await sampleOf(weight, view, sampleRows(specs), tools.kernels)
    const fine =
      specs.some(hasHalfChannels) &&
      !specs.every(hasHalfChannels) &&
      (await smallestPeak(weight, view, tools)) < LEAST_PEAK
    for (const spec of specs) {
      await breath()
      const { squaredError, energy } = solveTensor(values, sampled, spec, solver, tools.kernels, weight.name)
      table.set(Table.key(weight.scope, weight.name, formatSchemeId(spec)), {
        relativeError:
          fine && hasHalfChannels(spec) ? Number.POSITIVE_INFINITY : energy > 0 ? squaredError / energy : 0,
        bitsPerWeight: bitsPerWeight(spec, view),
      })
    }
    done++
  }
  tools.notify({ phase: 'measure', done, total: wanted.length })
}

const hasHalfChannels = ({ scale, granularity }: IntegerSpec): boolean =>
  scale === 'f16' && granularity.kind === 'channel'

/** A scale of 255 steps in this is 64 of the smallest steps of f16: below, rounding it would cost levels. */
const LEAST_PEAK = 255 / (1 << 18)

/** The largest magnitude of the channel where that is least, channels of zeros apart. */
async function smallestPeak(
  weight: WeightFacts,
  { stack, channels, depth, along }: MatrixView,
  tools: Tools,
): Promise<number> {
  const peaks = new Float32Array(stack * channels)
  const window = 1 << 20
  for (let start = 0; start < weight.elementCount; start += window) {
    tools.signal?.throwIfAborted()
    const values = await floats(weight, start, Math.min(window, weight.elementCount - start), tools.kernels)
    for (let i = 0; i < values.length; i++) {
      const at = start + i
      const channel =
        along === 'row' ? Math.floor(at / depth) : Math.floor(at / (depth * channels)) * channels + (at % channels)
      const magnitude = Math.abs(values[i] as number)
      if (magnitude > (peaks[channel] as number)) peaks[channel] = magnitude
    }
  }
  return peaks.reduce((least, peak) => (peak > 0 && peak < least ? peak : least), Number.POSITIVE_INFINITY)
}

/** Largest finite magnitude of a tensor, in windows; values that are not finite are found when it is quantized. */
async function largestOf(weight: WeightFacts, kernels: Kernels): Promise<number> {
  const window = 1 << 20
  let largest = 0
  for (let start = 0; start < weight.elementCount; start += window) {
    const values = await floats(weight, start, Math.min(window, weight.elementCount - start), kernels)
    for (const value of values) {
      const magnitude = value < 0 ? -value : value
      if (magnitude > largest && magnitude < Number.POSITIVE_INFINITY) largest = magnitude
    }
  }
  return largest
}

/** Rows of a column sample: a multiple of every block size, enough for the range of a column. */
const SAMPLE_ROWS = 512

/** Every row of a sample is a read of its own: where blocks are short, few rows of more columns say as much. */
function sampleRows(specs: readonly IntegerSpec[]): number {
  const blocks = specs.map(({ granularity }) => (granularity.kind === 'block' ? granularity.size : SAMPLE_ROWS))
  return Math.max(128, ...blocks)
}

/** Part of a tensor that stands for it: whole rows, evenly spread, or a tile from the middle of the columns. */
async function sampleOf(
  weight: WeightFacts,
  view: MatrixView,
  columnRows: number,
  kernels: Kernels,
): Promise<{ values: Float32Array; sampled: MatrixView }> {
  const { stack, channels, depth } = view
  const count = stack * channels * depth
  if (count <= SAMPLE_ELEMENTS) return { values: await floats(weight, 0, count, kernels), sampled: view }
  if (view.along === 'row') {
    const rows = stack * channels
    const taken = Math.min(rows, Math.max(1, Math.floor(SAMPLE_ELEMENTS / depth)))
    const values = new Float32Array(taken * depth)
    for (let i = 0; i < taken; i++) {
      const row = Math.floor(((2 * i + 1) * rows) / (2 * taken))
      values.set(await floats(weight, row * depth, depth, kernels), i * depth)
    }
    return { values, sampled: { stack: 1, channels: taken, depth, along: 'row' } }
  }
  const rows = Math.min(depth, columnRows)
  const columns = Math.min(channels, Math.max(16, Math.floor(SAMPLE_ELEMENTS / rows)))
  const origin = Math.floor(stack / 2) * depth * channels
  const firstRow = Math.floor((depth - rows) / 2)
  const firstColumn = Math.floor((channels - columns) / 2)
  const values = new Float32Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    const start = origin + (firstRow + row) * channels + firstColumn
    values.set(await floats(weight, start, columns, kernels), row * columns)
  }
  return { values, sampled: { stack: 1, channels: columns, depth: rows, along: 'column' } }
}

async function floats(weight: WeightFacts, start: number, count: number, kernels: Kernels): Promise<Float32Array> {
  const values = await floatsOf(weight.tensor, start, count, kernels)
  // Here, because the solver would name the element by its place in the sample.
  requireFinite(weight.name, values, start)
  return values
}
