import { TersorError } from '../errors.ts'
import type { Kernels } from '../model/kernels.ts'
import { isSampled } from '../numbers/sampled-rows.ts'
import { columnBlocksInOrder } from './produce/column-blocks.ts'
import { channelPanel, columnsToChannels } from './produce/column-channels.ts'
import { columnsToNbits, nbitsPanel } from './produce/columns-to-nbits.ts'
import { toHalf } from './produce/half.ts'
import { levelPanel } from './produce/level-panel.ts'
import { rowsInOrder } from './produce/rows.ts'
import { CALL_ELEMENTS, SIGNED_FACTOR } from './produce/tile.ts'
import type { ProduceJob, Unit, UnitIo, UnitResult } from './produce/types.ts'

/** One way to make packed bytes from floats; the plain path (solver, then packing) is the last entry and takes everything. */
interface Path {
  readonly id: string
  fits(job: ProduceJob): boolean
  units(job: ProduceJob): readonly Omit<Unit, 'job'>[]
  run(job: ProduceJob, unit: Unit, io: UnitIo, kernels: Kernels): Promise<UnitResult>
}

const whole: readonly Omit<Unit, 'job'>[] = [{ whole: true, stack: 0, from: 0, to: 0 }]

/** Ranges of at most `step` over [0, count). The cut does not depend on threads, so neither do the sums. */
function ranges(count: number, step: number): Omit<Unit, 'job'>[] {
  const units: Omit<Unit, 'job'>[] = []
  for (let from = 0; from < count; from += step)
    units.push({ whole: false, stack: 0, from, to: Math.min(count, from + step) })
  return units
}

/** Codes of a table, which the kernels of evenly spaced codes do not find. */
function isOfLevels({ spec }: ProduceJob): boolean {
  return spec.family === 'levels' || (spec.family === 'integer' && spec.only !== undefined)
}

/** Longest column that the search kernel takes in one call. */
const SEARCH_ROWS = 8192

/** Elements in one unit: 16 MiB of floats, some milliseconds of work. */
const UNIT_ELEMENTS = 4 << 20

function blockSize(job: ProduceJob): number {
  return job.spec.family === 'integer' && job.spec.granularity.kind === 'block'
    ? job.spec.granularity.size
    : job.view.depth
}

/**
 * The one table of fused paths (scheme family, packing, view -> kernels). Each equals the plain path byte for byte:
 * `fused.test.ts` runs both over every entry.
 */
export const PATHS: readonly Path[] = [
  {
    id: 'levels',
    fits: (job) =>
      isOfLevels(job) && (job.packing === 'onnx/nbits' || job.packing === 'onnx/bnb4') && job.view.stack === 1,
    units: (job) => ranges(job.view.channels, levelPanel(job)),
    run: async (...all) => (await import('./produce/levels.ts')).channelsOfLevels(...all),
  },
  {
    id: 'half',
    fits: (job) => job.spec.family === 'half',
    units: (job) =>
      ranges(
        job.shape.reduce((a, b) => a * b, 1),
        UNIT_ELEMENTS,
      ),
    run: toHalf,
  },
  {
    id: 'columns-to-nbits',
    fits: (job) =>
      job.packing === 'onnx/nbits' &&
      !isOfLevels(job) &&
      job.view.along === 'column' &&
      job.view.stack === 1 &&
      blockSize(job) * 16 <= CALL_ELEMENTS,
    units: (job) => ranges(job.view.channels, nbitsPanel(job)),
    run: columnsToNbits,
  },
  {
    id: 'rows-in-order',
    fits: (job) => {
      if (isOfLevels(job)) return false
      if (job.spec.family !== 'integer' || job.view.along !== 'row' || job.view.depth > CALL_ELEMENTS) return false
      if (job.spec.granularity.kind === 'tensor') return false
      const { bits, symmetric, granularity } = job.spec
      if (job.packing === 'onnx/nbits' || job.packing === 'onnx/gather-block') return job.view.stack === 1
      if (job.packing !== 'onnx/elements' || (job.view.depth * bits) % 8 !== 0) return false
      const aligned = granularity.kind === 'channel' || job.view.depth % granularity.size === 0
      return aligned && (symmetric || bits === 8)
    },
    units: (job) => ranges(job.view.stack * job.view.channels, Math.max(1, Math.floor(UNIT_ELEMENTS / job.view.depth))),
    run: rowsInOrder,
  },
  {
    id: 'column-channels',
    fits: (job) =>
      job.spec.family === 'integer' &&
      !isOfLevels(job) &&
      job.spec.granularity.kind === 'channel' &&
      job.spec.bits === 8 &&
      job.view.along === 'column' &&
      job.view.stack === 1 &&
      job.view.channels <= CALL_ELEMENTS &&
      (job.solver === 'nearest' || job.view.depth <= SEARCH_ROWS || isSampled(8, job.view.depth)) &&
      (job.packing === 'onnx/kn' || job.packing === SIGNED_FACTOR || job.packing === 'onnx/elements'),
    units: (job) => ranges(job.view.channels, channelPanel(job)),
    run: columnsToChannels,
  },
  {
    id: 'column-blocks-in-order',
    fits: (job) => {
      if (isOfLevels(job)) return false
      if (job.spec.family !== 'integer' || job.spec.granularity.kind !== 'block' || job.packing !== 'onnx/elements')
        return false
      if (job.view.along !== 'column' || job.view.stack !== 1) return false
      return (
        (job.view.channels * job.spec.bits) % 8 === 0 && job.view.channels * job.spec.granularity.size <= CALL_ELEMENTS
      )
    },
    units: (job) =>
      ranges(
        Math.ceil(job.view.depth / blockSize(job)),
        Math.max(1, Math.floor(UNIT_ELEMENTS / (job.view.channels * blockSize(job)))),
      ),
    run: columnBlocksInOrder,
  },
  {
    id: 'plain',
    fits: () => true,
    units: () => whole,
    run: async (...all) => (await import('./produce/plain.ts')).wholeTensor(...all),
  },
]

export function pathOf(job: ProduceJob, plainOnly = false): Path {
  const path = plainOnly
    ? PATHS.find((one) => one.id === (job.spec.family === 'half' ? 'half' : 'plain'))
    : PATHS.find((one) => one.fits(job))
  if (!path) throw new TersorError('E_INTERNAL', 'no path to produce a weight', { where: job.label })
  return path
}

/** All units of all jobs, in file order. */
export function unitsOf(jobs: readonly ProduceJob[], plainOnly = false): readonly Unit[] {
  return jobs.flatMap((job, index) =>
    pathOf(job, plainOnly)
      .units(job)
      .map((unit) => ({ ...unit, job: index })),
  )
}

export function runUnit(job: ProduceJob, unit: Unit, io: UnitIo, kernels: Kernels): Promise<UnitResult> {
  return (unit.whole ? pathOf(job, true) : pathOf(job)).run(job, unit, io, kernels)
}
