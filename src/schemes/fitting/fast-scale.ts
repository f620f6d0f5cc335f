import type { ScaleChoice } from './exact-scale.ts'
import type { ScaleOptions } from './fit-scale.ts'
import type { PreparedTable } from './prepared-table.ts'
import { gainOf, sumLevels, type TableSums } from './table-sums.ts'
import type { BlockSummary } from './weighted-values.ts'

/** Scales to try, as parts of the least scale at which nothing is clipped. */
const PARTS = [1.06, 0.99, 0.93, 0.87, 0.81, 0.75, 0.69, 0.63, 0.55, 0.45]
const PARTS_OF_FINE = [1.002, 0.997, 0.993, 0.987, 0.98, 0.97, 0.955, 0.93, 0.9, 0.8, 0.6]
const REFITS = 4

const sums: TableSums = { cross: 0, square: 0 }

/** A grid of scales, each with a least-squares step in view; the two most promising are refitted until they rest. */
export function fastScale(
  values: Float32Array,
  block: BlockSummary,
  table: PreparedTable,
  options: ScaleOptions,
  closed: number,
): number {
  const best: ScaleChoice = { scale: 0, gain: 0 }
  tryScale(values, block, table, closed, options, best)
  const parts = table.levels.length > 64 ? PARTS_OF_FINE : PARTS
  searchSide(values, block, table, options, parts, 1, best)
  if (options.signed && !table.symmetric) searchSide(values, block, table, options, parts, -1, best)
  return best.scale
}

function searchSide(
  values: Float32Array,
  block: BlockSummary,
  table: PreparedTable,
  options: ScaleOptions,
  parts: readonly number[],
  sign: 1 | -1,
  best: ScaleChoice,
): void {
  const widest = widestScale(block, table, sign)
  if (!(widest > 0)) return
  let first = 0
  let firstGain = 0
  let second = 0
  let secondGain = 0
  for (const part of parts) {
    const scale = sign * widest * part
    if (scale === 0) continue
    sumLevels(values, block.weights, table, scale, sums)
    const fitted = sums.cross / sums.square
    if (!(fitted * sign > 0)) continue
    const gain = fitted * sums.cross
    if (gain > firstGain) {
      second = first
      secondGain = firstGain
      first = fitted
      firstGain = gain
    } else if (gain > secondGain) {
      second = fitted
      secondGain = gain
    }
  }
  if (first !== 0) refit(values, block, table, options, first, best)
  if (second !== 0) refit(values, block, table, options, second, best)
}

/** A good scale to start an exact search from. */
export function seedScale(
  values: Float32Array,
  block: BlockSummary,
  table: PreparedTable,
  options: ScaleOptions,
  closed: number,
  best: ScaleChoice,
): void {
  tryScale(values, block, table, closed, options, best)
  refit(values, block, table, options, 0.85 * closed, best)
}

/** Least scale of this sign at which nothing is clipped, levels of one side only left out. */
export function widestScale(block: BlockSummary, table: PreparedTable, sign: 1 | -1): number {
  const up = sign > 0 ? table.above.reach : table.below.reach
  const down = sign > 0 ? table.below.reach : table.above.reach
  return Math.max(up > 0 ? block.max / up : 0, down > 0 ? -block.min / down : 0)
}

function refit(
  values: Float32Array,
  block: BlockSummary,
  table: PreparedTable,
  options: ScaleOptions,
  start: number,
  best: ScaleChoice,
): void {
  let wanted = start
  let before = 0
  for (let turn = 0; turn < REFITS; turn++) {
    const stored = tryScale(values, block, table, wanted, options, best)
    if (stored === before || !(sums.square > 0)) return
    before = stored
    wanted = sums.cross / sums.square
  }
}

/** Measures the stored scale next to `wanted`, leaving its sums; 0 where there is none. */
function tryScale(
  values: Float32Array,
  block: BlockSummary,
  table: PreparedTable,
  wanted: number,
  options: ScaleOptions,
  best: ScaleChoice,
): number {
  const stored = options.round(wanted)
  if (stored === 0 || !Number.isFinite(stored)) {
    sums.square = 0
    return 0
  }
  sumLevels(values, block.weights, table, stored, sums)
  const gain = gainOf(sums, stored)
  if (gain > best.gain) {
    best.gain = gain
    best.scale = stored
  }
  return stored
}
