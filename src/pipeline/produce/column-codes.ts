import type { Kernels } from '../../model/kernels.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { checkFinite, energyOf, SIGNED_FACTOR } from './tile.ts'
import type { PartTarget, ProduceJob, Unit, UnitIo, UnitResult } from './types.ts'

/** Most columns that the kernel without error sums takes. */
const MOST_PLAIN = 131_072

/** A unit's columns in windows of `rows` rows, one at a time at `tile`. */
export interface ColumnWindows {
  readonly tile: number
  readonly rows: number
  /** Brings `rows` rows from `row` on. */
  read(row: number, rows: number): void | Promise<void>
}

/** Pointers: scale and zero of every column, `codeRows` rows of codes, 16 bytes for sums. */
export interface ChannelMemory {
  readonly scales: number
  readonly zeros: number
  readonly codes: number
  readonly codeRows: number
  readonly sums: number
}

/** Second pass over a unit's windows: 8-bit codes by the grids of the columns, written in order. */
export async function encodeChannels(
  job: ProduceJob,
  unit: Unit,
  io: UnitIo,
  kernels: Kernels,
  { tile, rows: windowRows, read }: ColumnWindows,
  { scales, zeros, codes, codeRows, sums }: ChannelMemory,
): Promise<UnitResult> {
  const spec = job.spec as IntegerSpec
  const { channels, depth } = job.view
  const columns = unit.to - unit.from
  const flip = job.packing === SIGNED_FACTOR || (job.packing === 'onnx/elements' && spec.symmetric) ? 128 : 0
  const zeroPoints = spec.symmetric ? 0 : zeros
  const target = job.targets[0] as PartTarget
  // Error sums are only asked for with the energy that they are a part of.
  const fast = !job.measure && spec.symmetric && columns % 16 === 0 && columns <= MOST_PLAIN
  let squaredError = 0
  let energy = 0
  let filled = 0
  for (let row = 0; row < depth; ) {
    const rows = Math.min(windowRows, depth - row)
    const wait = read(row, rows)
    if (wait) await wait
    const to = codes + filled * columns
    if (!fast || kernels.encodePlainColumns(tile, columns, rows, columns, flip, scales, to, columns) !== 1) {
      const error = kernels.encodeColumns(tile, columns, rows, columns, 8, flip, scales, 1, zeroPoints, 1, to, columns)
      const first = row
      checkFinite(
        job,
        kernels,
        error,
        tile,
        rows * columns,
        (i) => (first + Math.floor(i / columns)) * channels + unit.from + (i % columns),
      )
      squaredError += error
      if (job.measure) energy += energyOf(kernels, tile, rows * columns, sums)
    }
    row += rows
    filled += rows
    if (row < depth && filled + windowRows <= codeRows) continue
    const written = writeCodes(io, kernels, target, unit, channels, codes, row - filled, filled)
    if (written) await written
    filled = 0
  }
  return { squaredError, energy }
}

/** Writes `rows` rows of codes from row `first` on: in one piece, or each to its place where other units have columns too. */
function writeCodes(
  io: UnitIo,
  kernels: Kernels,
  target: PartTarget,
  { from, to }: Unit,
  channels: number,
  codes: number,
  first: number,
  rows: number,
): void | Promise<void> {
  const columns = to - from
  if (columns === channels)
    return io.write(target, first * channels, new Uint8Array(kernels.memory, codes, rows * columns))
  for (let r = 0; r < rows; r++) {
    const wait = write(r)
    if (wait) return writeRows(wait, r + 1)
  }
  function write(r: number): void | Promise<void> {
    const bytes = new Uint8Array(kernels.memory, codes + r * columns, columns)
    return io.write(target, (first + r) * channels + from, bytes)
  }
  async function writeRows(wait: Promise<void>, next: number): Promise<void> {
    await wait
    for (let r = next; r < rows; r++) await write(r)
  }
}
