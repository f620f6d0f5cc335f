import type { Codec, Effort, Group } from '../../model/array-scheme.ts'
import { floorLog2, powerOfTwo } from '../../numbers/power-of-two.ts'
import { roundToSmallFloat } from '../../numbers/small-floats.ts'
import { scaleRounding } from '../arrays/scale-rounding.ts'
import type { PreparedTable } from '../fitting/prepared-table.ts'
import { bestStoredScale, E4M3_SCALES, E8M0_SCALES } from './stored-scales.ts'
import type { TableOptions, TableScale } from './table-codec.ts'

/** How one type of scale is chosen, stored and used. */
export interface ScaleKeeper {
  readonly effort: Effort
  readonly efforts: readonly Effort[]
  /** Largest magnitude of a level. */
  readonly reach: number
  /** To the stored type, finite. */
  readonly round: (scale: number) => number
  /** The scale that multiplies levels, from the stored one. */
  readonly effective: (stored: number, shared: Float32Array) => number
  /** The stored scale of a group; absent: any search for a scale that is rounded by `round`. */
  readonly fit?: (group: Group, shared: Float32Array) => number
  readonly fitShared?: NonNullable<Codec['fitShared']>
}

const EFFORTS: readonly Effort[] = ['closed', 'fast', 'exact']

const LARGEST_E4M3 = 448

/** Up to here the exact search of a block takes no longer than the fast one. */
const MOST_LEVELS_EXACT = 64

/** Least normal f32; the inverse of anything smaller is not finite. */
const LEAST_NORMAL = 1.1754943508222875e-38

/** Where the best scale of 16 values lies around the least that clips nothing, nearly always. */
const FAST_E4M3 = { below: 5, above: 8 }

export function scaleKeeper(table: PreparedTable, type: TableScale, options: TableOptions): ScaleKeeper {
  const reach = Math.max(table.above.reach, table.below.reach)
  if (type === 'e8m0') return powers(table, reach, options)
  if (type === 'e4m3fn') return floatsOfFloat(table, reach, options)
  const effort = table.levels.length <= MOST_LEVELS_EXACT ? 'exact' : 'fast'
  return { effort, efforts: EFFORTS, reach, round: scaleRounding(type), effective: (stored) => stored }
}

/**
 * Powers of two. Closed form of the OCP standard: the exponent of the largest magnitude less that of the largest level, which clips
 * what lies between. A group of zeros takes the least scale.
 */
function powers(table: PreparedTable, reach: number, { nested = false }: TableOptions): ScaleKeeper {
  const largestExponent = floorLog2(reach)
  return {
    effort: 'exact',
    efforts: ['closed', 'exact'],
    reach,
    round: (scale) => powerOfTwo(clamped(floorLog2(scale))),
    effective: (stored) => stored,
    fit({ values, importance, effort }) {
      if (effort === 'closed') return powerOfTwo(clamped(floorLog2(largestMagnitude(values)) - largestExponent))
      const { index } = bestStoredScale(values, importance, table, E8M0_SCALES, { nested })
      return E8M0_SCALES[Math.max(index, 0)]!
    },
  }
}

/**
 * e4m3fn scales under one f32 scale of the array, which is as small as keeps all of them in range. Closed form: the stored scale next
 * to the least that clips nothing.
 */
function floatsOfFloat(table: PreparedTable, reach: number, { signed = false }: TableOptions): ScaleKeeper {
  const least = Math.min(table.above.reach, table.below.reach)
  const side = least > 0 ? least : reach
  const round = (scale: number) => roundToSmallFloat(scale, 'e4m3fn', { overflow: 'saturate' })
  let scaledBy = Number.NaN
  let scales = E4M3_SCALES
  return {
    effort: 'exact',
    efforts: EFFORTS,
    reach,
    round,
    effective: (stored, shared) => Math.fround(stored * shared[0]!),
    fitShared(values, _, shared) {
      let scale = Math.fround(largestMagnitude(values) / (side * LARGEST_E4M3))
      // Next to the largest f32, rounding up would carry the largest level beyond it.
      while (!Number.isFinite(Math.fround(Math.fround(scale * LARGEST_E4M3) * reach)))
        scale = Math.fround(scale * 0.99999)
      shared[0] = scale < LEAST_NORMAL ? 0 : scale
    },
    fit({ values, importance, effort }, shared) {
      const tensorScale = shared[0]!
      if (tensorScale === 0) return 0
      if (effort === 'closed') return round(closedScale(values, table) / tensorScale)
      if (tensorScale !== scaledBy) {
        scales = E4M3_SCALES.map((scale) => scale * tensorScale)
        scaledBy = tensorScale
      }
      const window = effort === 'fast' ? { window: FAST_E4M3 } : {}
      const plain = bestStoredScale(values, importance, table, scales, window)
      if (plain.index < 0) return 0
      let { index, error } = plain
      let sign = 1
      if (signed && !table.symmetric) {
        const turned = bestStoredScale(values, importance, table, scales, window, -1)
        if (turned.error < error) {
          ;({ index, error } = turned)
          sign = -1
        }
      }
      // Tables without zero: a group far smaller than the others is better all zero.
      return error < plain.energy ? sign * E4M3_SCALES[index]! : 0
    },
  }
}

function closedScale(values: Float32Array, table: PreparedTable): number {
  const { above, below } = table
  let scale = 0
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!
    const needed = x > 0 ? (above.reach > 0 ? x / above.reach : 0) : below.reach > 0 ? -x / below.reach : 0
    if (needed > scale) scale = needed
  }
  return scale
}

function largestMagnitude(values: Float32Array): number {
  let largest = 0
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!)
    if (magnitude > largest) largest = magnitude
  }
  return largest
}

function clamped(exponent: number): number {
  return exponent < -127 ? -127 : exponent > 127 ? 127 : exponent
}
