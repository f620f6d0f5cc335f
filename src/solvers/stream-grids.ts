import { aligned } from '../numbers/tiles.ts'
import { fitArguments, type TileJob } from './tile-job.ts'

/** Values in rows of `width`, too many for one call: they are loaded again for every pass. */
export interface ValueStream {
  readonly width: number
  readonly rows: number
  /** True when all columns share one grid; false when each has its own. */
  readonly shared: boolean
  /** Writes `rows` rows from `row` on to `target[at]` without gaps. */
  load(row: number, rows: number, target: Float32Array, at: number): void
}

/** Grids of a stream in kernel memory, with room for a tile and its codes. Valid until the next `reserve`. */
export interface StreamedGrids {
  readonly source: number
  readonly target: number
  /** Most rows of one tile. */
  readonly tileRows: number
  /** `width` scales (f32) and zeros (u8). */
  readonly scales: number
  readonly zeros: number
  readonly floats: Float32Array
  readonly bytes: Uint8Array
}

/** Elements of one pass step: with up to 32 candidate grids a call stays short, and the tile stays in the cache. */
const TILE_ELEMENTS = 65536

/** What `proposeGrids` writes at most. */
const MOST_PROPOSED = 32

/** Least-squares grids added after the proposed ones; each needs one pass. */
const REFITS = 2

const MOST_GRIDS = MOST_PROPOSED + REFITS

/**
 * The kernel's fit for columns of any length: ranges, candidate grids, their errors, then least-squares scales as further
 * candidates, the least true error winning. Closed-form modes need the first pass only.
 */
export function streamGrids(job: TileJob, stream: ValueStream): StreamedGrids {
  const { kernels } = job
  const { width } = stream
  const { mode, maxCode, half } = fitArguments(job.spec, job.solver)
  const memory = layOut(job, stream)
  const { source, tileRows, floats, scales, zeros } = memory
  const asymmetric = job.zeros !== undefined
  const passes = (visit: (rows: number) => void) => {
    for (let row = 0; row < stream.rows; row += tileRows) {
      const rows = Math.min(tileRows, stream.rows - row)
      stream.load(row, rows, floats, source / 4)
      visit(rows)
    }
  }
  const { low, high } = memory
  floats.fill(Number.POSITIVE_INFINITY, low / 4, low / 4 + width)
  floats.fill(Number.NEGATIVE_INFINITY, high / 4, high / 4 + width)
  passes((rows) => kernels.foldColumns(source, width, rows, width, low, high))
  if (stream.shared) shareRange(memory, width)
  let count = kernels.proposeGrids(low, high, width, mode, maxCode, half, scales, zeros)
  if (count === 1) return memory

  const { errors, residuals, energies, doubles } = memory
  const slots = MOST_GRIDS * width
  for (const sums of [errors, residuals, energies]) doubles.fill(0, sums / 8, sums / 8 + slots)
  /** Measures `added` grids from number `first` on. */
  const measure = (first: number, added: number) => {
    const at = first * width
    const zeroOrNull = asymmetric ? zeros + at : 0
    const sums = [errors + 8 * at, residuals + 8 * at, energies + 8 * at] as const
    passes((rows) =>
      kernels.gridColumns(source, width, rows, width, scales + 4 * at, zeroOrNull, added, maxCode, ...sums),
    )
    if (!stream.shared) return
    for (const pointer of sums) {
      for (let grid = 0; grid < added; grid++) shareSum(doubles, pointer / 8 + grid * width, width)
    }
  }
  const choose = (refit: 0 | 1, scale: number, zero: number) =>
    kernels.chooseGrids(scales, zeros, count, width, errors, residuals, energies, refit, half, scale, 1, zero, 1)
  measure(0, count)
  for (let step = 0; step < REFITS; step++) {
    choose(1, scales + 4 * count * width, zeros + count * width)
    measure(count, 1)
    count++
  }
  const { chosenScales, chosenZeros } = memory
  choose(0, chosenScales, chosenZeros)
  return { ...memory, scales: chosenScales, zeros: chosenZeros }
}

interface Layout extends StreamedGrids {
  readonly low: number
  readonly high: number
  readonly chosenScales: number
  readonly chosenZeros: number
  readonly errors: number
  readonly residuals: number
  readonly energies: number
  readonly doubles: Float64Array
}

function layOut(job: TileJob, { width, rows }: ValueStream): Layout {
  const tileRows = Math.min(rows, Math.max(1, Math.floor(TILE_ELEMENTS / width)))
  let byteLength = 0
  const place = (length: number) => {
    const offset = byteLength
    byteLength += aligned(length)
    return offset
  }
  const offsets = {
    source: place(4 * tileRows * width),
    target: place(tileRows * width),
    low: place(4 * width),
    high: place(4 * width),
    scales: place(4 * MOST_GRIDS * width),
    zeros: place(MOST_GRIDS * width),
    chosenScales: place(4 * width),
    chosenZeros: place(width),
    errors: place(8 * MOST_GRIDS * width),
    residuals: place(8 * MOST_GRIDS * width),
    energies: place(8 * MOST_GRIDS * width),
  }
  const base = job.kernels.reserve(byteLength)
  const { memory } = job.kernels
  const pointers = Object.fromEntries(Object.entries(offsets).map(([name, offset]) => [name, base + offset]))
  return {
    ...(pointers as typeof offsets),
    tileRows,
    floats: new Float32Array(memory),
    bytes: new Uint8Array(memory),
    doubles: new Float64Array(memory),
  }
}

function shareRange({ floats, low, high }: Layout, width: number): void {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let column = 0; column < width; column++) {
    min = Math.min(min, floats[low / 4 + column]!)
    max = Math.max(max, floats[high / 4 + column]!)
  }
  floats.fill(min, low / 4, low / 4 + width)
  floats.fill(max, high / 4, high / 4 + width)
}

function shareSum(doubles: Float64Array, at: number, width: number): void {
  let sum = 0
  for (let column = 0; column < width; column++) sum += doubles[at + column]!
  doubles.fill(sum, at, at + width)
}
