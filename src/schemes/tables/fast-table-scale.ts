import type { PreparedTable } from '../fitting/prepared-table.ts'
import { gainOf, sumLevels, type TableSums } from '../fitting/table-sums.ts'
import { summarize } from '../fitting/weighted-values.ts'

export interface FastTableOptions {
  readonly signed: boolean
  readonly round: (scale: number) => number
  /** Levels repeat with every doubling of the scale, so that one octave above the least scale that clips nothing is enough. */
  readonly nested: boolean
}

/** Scales are tried from this part of the least that clips nothing; large groups and very few levels clip more. */
const LEAST_PART = 0.7
const LEAST_PART_OF_MANY = 0.3
const LEAST_PART_OF_TINY_TABLES = 0.2
const MANY_VALUES = 512
const TINY_TABLE = 8

/** 2^(1/32), 2^(1/16), 2^(1/8). */
const FINE_STEP = 1.0218971486541166
const MIDDLE_STEP = 1.0442737824274138
const COARSE_STEP = 1.0905077326652577

/** Tables of up to so many levels have a wide best scale. */
const FEW_LEVELS = 32
/** Large groups are searched on so many values, evenly spread; `widest` knows the extremes of all. */
const SAMPLED = 1024
const REFITS = 3
const KEPT = 2

/**
 * A scale for unevenly spaced levels, within about 0.3 % of the least squared error: unlike with even steps, the best scale is often one
 * that leaves the last levels unused. A grid of scales, each with a least-squares step in view; the two most promising are refitted
 * until they rest.
 */
export function fastTableScale(
  values: Float32Array,
  importance: Float32Array | undefined,
  table: PreparedTable,
  { signed, round, nested }: FastTableOptions,
): number {
  const block = summarize(values, importance)
  if (!(block.energy > 0)) return 0
  const few = table.levels.length <= FEW_LEVELS
  const step = few ? COARSE_STEP : values.length > MANY_VALUES ? MIDDLE_STEP : FINE_STEP
  const least =
    table.levels.length < TINY_TABLE
      ? LEAST_PART_OF_TINY_TABLES
      : values.length > MANY_VALUES
        ? LEAST_PART_OF_MANY
        : LEAST_PART
  const most = few || nested ? 2 : 4
  const { sample, weights } = sampleOf(values, block.weights)
  const sums: TableSums = { cross: 0, square: 0 }
  let best = 0
  let bestGain = 0
  for (const sign of signed && !table.symmetric ? [1, -1] : [1]) {
    const up = sign > 0 ? table.above.reach : table.below.reach
    const down = sign > 0 ? table.below.reach : table.above.reach
    const widest = Math.max(up > 0 ? block.max / up : 0, down > 0 ? -block.min / down : 0)
    const kept = Array.from({ length: KEPT }, () => ({ scale: 0, gain: 0 }))
    for (let part = least; part < most; part *= step) {
      sumLevels(sample, weights, table, sign * widest * part, sums)
      const scale = sums.cross / sums.square
      if (scale * sign > 0) keep(kept, scale, scale * sums.cross)
    }
    for (const { scale } of kept) {
      let stored = 0
      let wanted = scale
      for (let turn = 0; turn < REFITS && wanted * sign > 0; turn++) {
        const before = stored
        stored = round(wanted)
        if (stored === before || stored === 0) break
        sumLevels(values, block.weights, table, stored, sums)
        const gain = gainOf(sums, stored)
        if (gain > bestGain) {
          bestGain = gain
          best = stored
        }
        wanted = sums.cross / sums.square
      }
    }
  }
  return best
}

function keep(kept: { scale: number; gain: number }[], scale: number, gain: number): void {
  let worst = kept[0]!
  for (const one of kept) {
    // Neighbours on the grid often lead to the same scale.
    if (Math.abs(one.scale - scale) <= 1e-6 * Math.abs(scale)) return
    if (one.gain < worst.gain) worst = one
  }
  if (gain <= worst.gain) return
  worst.scale = scale
  worst.gain = gain
}

function sampleOf(
  values: Float32Array,
  weights: Float32Array | undefined,
): { sample: Float32Array; weights: Float32Array | undefined } {
  const count = values.length
  if (count <= 2 * SAMPLED) return { sample: values, weights }
  const positionOf = (index: number) => Math.floor(((2 * index + 1) * count) / (2 * SAMPLED))
  return {
    sample: Float32Array.from({ length: SAMPLED }, (_, index) => values[positionOf(index)]!),
    weights: weights && Float32Array.from({ length: SAMPLED }, (_, index) => weights[positionOf(index)]!),
  }
}
