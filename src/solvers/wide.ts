import type { FitMode } from '../model/kernels.ts'
import { roundToF16 } from '../numbers/f16.ts'
import { halfOf } from '../numbers/int.ts'
import { aligned, CALL_ELEMENTS } from '../numbers/tiles.ts'
import { nearestMode } from './nearest.ts'
import { fitArguments, type TileJob } from './tile-job.ts'

/** Elements that share one grid: `count` of them from `start` on, `step` apart. */
export interface WideRun {
  readonly start: number
  readonly count: number
  readonly step: number
}

interface Grid {
  readonly scale: number
  readonly zero: number
}

interface Arena {
  readonly source: number
  readonly scale: number
  readonly zero: number
  readonly target: number
  readonly floats: Float32Array
  readonly bytes: Uint8Array
}

/** Shares of the plain range that the search tries. Finer below 1 than far from it: heavy tails want small shares. */
const SHARES = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2]

/** Least-squares steps after the grid; each needs one pass. */
const REFITS = 3

/**
 * One grid for a run of any length, streamed through kernel calls; fills codes and grid number `gridIndex`. Returns the squared error.
 * Runs that fit a call are left to the kernel. Longer ones are searched here: shares of the plain range, then least squares.
 */
export function solveWide(job: TileJob, run: WideRun, gridIndex: number): number {
  const arena = reserve(job, run.count)
  const grid = run.count <= CALL_ELEMENTS ? fitWithin(job, run, arena) : fitBeyond(job, run, arena)
  job.scales[gridIndex] = grid.scale
  if (job.zeros) job.zeros[gridIndex] = grid.zero
  return encode(job, run, arena, grid, (at, count) => {
    for (let index = 0; index < count; index++) {
      job.codes[run.start + (at + index) * run.step] = arena.bytes[arena.target + index]!
    }
  })
}

function fitWithin(job: TileJob, run: WideRun, arena: Arena): Grid {
  load(job, run, arena, 0, run.count)
  return fit(job, arena, run.count, fitArguments(job.spec, job.solver).mode)
}

function fitBeyond(job: TileJob, run: WideRun, arena: Arena): Grid {
  const { low, high } = range(job, run, arena)
  if (job.solver === 'nearest') return fitRange(job, arena, low, high)
  let best = { grid: { scale: 0, zero: 0 }, error: Number.POSITIVE_INFINITY }
  const attempt = (grid: Grid): boolean => {
    const error = encode(job, run, arena, grid)
    if (!(error < best.error)) return false
    best = { grid, error }
    return true
  }
  for (const share of SHARES) attempt(fitRange(job, arena, low * share, high * share))
  for (let step = 0; step < REFITS; step++) {
    if (!attempt(refit(job, run, arena, best.grid))) break
  }
  return best.grid
}

/** The plain grid depends on the ends of the range only, so the kernel fits a row of two values. */
function fitRange(job: TileJob, arena: Arena, low: number, high: number): Grid {
  arena.floats[arena.source / 4] = low
  arena.floats[arena.source / 4 + 1] = high
  return fit(job, arena, 2, nearestMode(job.spec))
}

function fit(job: TileJob, arena: Arena, count: number, mode: FitMode): Grid {
  const { maxCode, half } = fitArguments(job.spec, job.solver)
  job.kernels.fitRows(arena.source, count, 1, count, count, mode, maxCode, half, arena.scale, arena.zero)
  const zero = job.zeros ? arena.bytes[arena.zero]! : halfOf(job.spec.bits)
  return { scale: arena.floats[arena.scale / 4]!, zero }
}

/** The least-squares scale for the codes that `grid` gives. */
function refit(job: TileJob, run: WideRun, arena: Arena, grid: Grid): Grid {
  let cross = 0
  let square = 0
  encode(job, run, arena, grid, (_at, count) => {
    for (let index = 0; index < count; index++) {
      const level = arena.bytes[arena.target + index]! - grid.zero
      cross += level * arena.floats[arena.source / 4 + index]!
      square += level * level
    }
  })
  if (square === 0) return grid
  const scale = cross / square
  return { scale: job.spec.scale === 'f16' ? roundToF16(scale) : Math.fround(scale), zero: grid.zero }
}

function encode(
  job: TileJob,
  run: WideRun,
  arena: Arena,
  grid: Grid,
  visit?: (at: number, count: number) => void,
): number {
  arena.floats[arena.scale / 4] = grid.scale
  arena.bytes[arena.zero] = grid.zero
  const zeroOrNull = job.zeros ? arena.zero : 0
  const { bits } = job.spec
  let squaredError = 0
  for (let at = 0; at < run.count; at += CALL_ELEMENTS) {
    const count = Math.min(CALL_ELEMENTS, run.count - at)
    load(job, run, arena, at, count)
    const { source, scale, target } = arena
    squaredError += job.kernels.encodeRows(source, count, 1, count, count, bits, 0, scale, zeroOrNull, target, count)
    visit?.(at, count)
  }
  return squaredError
}

function range(job: TileJob, run: WideRun, arena: Arena): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let at = 0; at < run.count; at += CALL_ELEMENTS) {
    const count = Math.min(CALL_ELEMENTS, run.count - at)
    load(job, run, arena, at, count)
    job.kernels.census(arena.source, count, arena.target)
    low = Math.min(low, arena.floats[arena.target / 4]!)
    high = Math.max(high, arena.floats[arena.target / 4 + 1]!)
  }
  return { low, high }
}

function load(job: TileJob, run: WideRun, arena: Arena, at: number, count: number): void {
  const to = arena.source / 4
  const from = run.start + at * run.step
  if (run.step === 1) {
    arena.floats.set(job.values.subarray(from, from + count), to)
    return
  }
  for (let index = 0; index < count; index++) arena.floats[to + index] = job.values[from + index * run.step]!
}

function reserve(job: TileJob, count: number): Arena {
  const most = Math.max(64, Math.min(CALL_ELEMENTS, count))
  const source = job.kernels.reserve(aligned(4 * most) + 128 + aligned(most))
  const scale = source + aligned(4 * most)
  const { memory } = job.kernels
  const floats = new Float32Array(memory)
  return { source, scale, zero: scale + 64, target: scale + 128, floats, bytes: new Uint8Array(memory) }
}
