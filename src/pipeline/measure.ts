import { readTensorRange } from '../formats/onnx/index.ts'
import type { Inventory, WeightFacts } from '../model/inventory.ts'
import type { Kernels } from '../model/kernels.ts'
import type { IntegerSpec } from '../model/packing.ts'
import type { MatrixView } from '../model/scheme.ts'
import type { Tools } from '../model/tools.ts'
import { bitsPerWeight, formatSchemeId } from '../schemes/index.ts'
import { solveTensor } from '../solvers/index.ts'
import type { Ask } from './ask.ts'
import { breather } from './breath.ts'
import { halves, measurements } from './plan.ts'
import { loadFloats } from './produce/plain.ts'
import { requireFinite, SOURCE_BYTES } from './produce/tile.ts'
import type { UnitIo } from './produce/types.ts'
import { Table } from './table.ts'

/** Elements of a tensor that are looked at; enough that the choice does not change with more. */
const SAMPLE_ELEMENTS = 1 << 16

/**
 * Error and bytes of the candidate schemes of every weight that has a choice, on a sample: the first, middle and last
 * parts of the tensor in whole rows. Deterministic. Rows that `table` has already are not measured again.
 */
export async function measure(inventory: Inventory, ask: Ask, tools: Tools, table = new Table()): Promise<Table> {
  const wanted = measurements(inventory, ask).filter(({ weight, specs }) =>
    specs.some((spec) => !table.get(Table.key(weight.scope, weight.name, formatSchemeId(spec)))),
  )
  let done = 0
  const breath = breather()
  for (const { weight, specs } of wanted) {
    await breath()
    tools.signal?.throwIfAborted()
    tools.notify({ phase: 'measure', done, total: wanted.length, note: weight.name })
    const view = weight.uses[0]?.view
    if (!view) continue
    const { values, sampled } = await sampleOf(weight, view, tools.kernels)
    for (const spec of specs) {
      await breath()
      const { squaredError, energy } = solveTensor(
        values,
        sampled,
        spec,
        ask.solver ?? 'search',
        tools.kernels,
        weight.name,
      )
      table.set(Table.key(weight.scope, weight.name, formatSchemeId(spec)), {
        relativeError: energy > 0 ? squaredError / energy : 0,
        bitsPerWeight: bitsPerWeight(spec, view),
      })
    }
    done++
  }
  for (const weight of halves(inventory, ask)) {
    if (table.largest(weight.scope, weight.name) !== undefined) continue
    await breath()
    tools.signal?.throwIfAborted()
    table.setLargest(weight.scope, weight.name, await largestOf(weight, tools.kernels))
  }
  if (wanted.length > 0) tools.notify({ phase: 'measure', done, total: wanted.length })
  return table
}

/** Largest finite magnitude of a tensor, in windows; values that are not finite are found when it is quantized. */
async function largestOf(weight: WeightFacts, kernels: Kernels): Promise<number> {
  const size = SOURCE_BYTES[weight.dtype] ?? 4
  const window = 1 << 20
  let largest = 0
  for (let start = 0; start < weight.elementCount; start += window) {
    const values = await floats(weight, start, Math.min(window, weight.elementCount - start), size, kernels)
    for (const value of values) {
      const magnitude = value < 0 ? -value : value
      if (magnitude > largest && magnitude < Number.POSITIVE_INFINITY) largest = magnitude
    }
  }
  return largest
}

/** Rows of the stored matrix, evenly spread in runs of 256 (a multiple of every block size along columns). */
async function sampleOf(
  weight: WeightFacts,
  view: MatrixView,
  kernels: Kernels,
): Promise<{ values: Float32Array; sampled: MatrixView }> {
  const width = view.along === 'row' ? view.depth : view.channels
  const rows = view.along === 'row' ? view.channels * view.stack : view.depth * view.stack
  const run = 256
  const budgetRows = Math.max(run, Math.floor(SAMPLE_ELEMENTS / Math.max(1, width) / run) * run)
  const size = SOURCE_BYTES[weight.dtype] ?? 4
  if (rows <= budgetRows || view.stack > 1) {
    return { values: await floats(weight, 0, rows * width, size, kernels), sampled: view }
  }
  const runs = budgetRows / run
  const values = new Float32Array(budgetRows * width)
  for (let i = 0; i < runs; i++) {
    const last = Math.floor((rows - run) / run)
    const start = (runs === 1 ? Math.floor(last / 2) : Math.floor((i * last) / (runs - 1))) * run
    values.set(await floats(weight, start * width, run * width, size, kernels), i * run * width)
  }
  return { values, sampled: view.along === 'row' ? { ...view, channels: budgetRows } : { ...view, depth: budgetRows } }
}

async function floats(
  weight: WeightFacts,
  start: number,
  count: number,
  size: number,
  kernels: Kernels,
): Promise<Float32Array> {
  const bytes = await readTensorRange(weight.tensor, start * size, (start + count) * size)
  const io: UnitIo = {
    read: (_source, offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
    write: () => undefined,
  }
  const values = await loadFloats(
    {
      source: { kind: 'bytes', bytes, byteLength: bytes.length },
      dtype: weight.dtype,
      shape: [count],
      label: weight.name,
    },
    io,
    kernels,
  )
  // Here, because the solver would name the element by its place in the sample.
  requireFinite(weight.name, values, start)
  return values
}

/** Spec of a table row, for reports. */
export type MeasuredSpec = IntegerSpec
