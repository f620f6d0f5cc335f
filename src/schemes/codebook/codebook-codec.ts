/**
 * Levels of its own for every group: the means of the runs into which its sorted values fall best.
 *
 *   value = table[code]
 *   code in 0 .. 2^bits - 1, levels ascending      bits per value, and 2^bits levels of 32 or 16 bits a group
 *
 * K-means on a line, solved exactly by dynamic programming; deep compression (Han, Mao, Dally 2015) shares weights in
 * this way.
 */

import { TersorError } from '../../errors.ts'
import type { Codec, Effort, Group } from '../../model/array-scheme.ts'
import { roundToF16 } from '../../numbers/f16.ts'
import { encodeNearest } from '../fitting/nearest-level.ts'
import { exactCodebook, levelsOf } from './exact-codebook.ts'
import { ascending, distanceBound } from './level-order.ts'
import { evenSplits, settleSplits } from './lloyd.ts'
import { sortPoints } from './sorted-points.ts'

export interface CodebookOptions {
  /** How levels are stored. */
  readonly table: 'f32' | 'f16'
}

/** With more bits the exact levels take seconds for a million values. */
const EXACT_UP_TO = 4
const TURNS = 100
const LARGEST_F16 = 65504

/**
 * bits: 1 .. 8. `closed`: means of runs of equally many values. `fast`: from there until no value wants another level.
 * `exact`: the least squared error of all tables, before levels are rounded to their stored type; the default up to 4
 * bits.
 */
export function codebookCodec(bits: number, options: CodebookOptions): Codec {
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= 8)) {
    throw new TersorError('E_USAGE', `expected a codebook of 1 to 8 bits, found ${bits}`)
  }
  const count = 2 ** bits
  return {
    levels: count,
    packing: 'bits',
    vector: 1,
    exactZero: false,
    parameters: [{ name: 'table', type: options.table, count }],
    shared: [],
    effort: bits <= EXACT_UP_TO ? 'exact' : 'fast',
    efforts: ['closed', 'fast', 'exact'],
    encode(group, codes, table) {
      if (!group.fixed) {
        const levels = fitLevels(group, count, group.effort)
        for (let i = 0; i < count; i++) table[i] = options.table === 'f16' ? toF16(levels[i]!) : levels[i]!
      }
      encodeNearest(group.values, 1, ascending(table.subarray(0, count)), codes)
    },
    decode(codes, table, _, values) {
      for (let i = 0; i < values.length; i++) values[i] = table[codes[i]!]!
    },
    errorBound: (table, _, low, high) => distanceBound(ascending(table.subarray(0, count)).levels, low, high),
  }
}

function fitLevels({ values, importance }: Group, count: number, effort: Effort): Float32Array {
  if (effort === 'exact') return exactCodebook(values, importance, count)
  const points = sortPoints(values, importance)
  if (points.count <= count) return levelsOf(points, null, count)
  const splits = evenSplits(points, count)
  if (effort === 'fast') settleSplits(points, splits, TURNS)
  return levelsOf(points, splits, count)
}

function toF16(level: number): number {
  const rounded = roundToF16(level)
  return Number.isFinite(rounded) ? rounded : level > 0 ? LARGEST_F16 : -LARGEST_F16
}
