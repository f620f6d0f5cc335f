import { TersorError } from '../../errors.ts'
import { LEVEL_TABLE_BYTES, type LevelSearch } from '../../model/kernels.ts'
import type { Arena } from './arena.ts'

const { fround } = Math

/** Layout of a prepared table. Multi-byte entries lie in planes, one byte of each, for lookup by byte shuffles. Twin: assembly/levels.ts. */
export const TABLE = {
  /** Low and high bytes of the positions of the thresholds. */
  positions: 0,
  /** Index below which no value of a bin lies, 32 bins. */
  bins: 32,
  /** Bytes 0 .. 3 of the level of each code. */
  levels: 64,
  /** Code of each index. */
  order: 128,
  /** Position steps per unit (f32; 0: no positions), position of value 0 (i32), number of thresholds (i32). */
  perUnit: 144,
  origin: 148,
  count: 152,
  /** The thresholds as floats; +inf where there is none. */
  thresholds: 160,
} as const

/** Positions are 16-bit numbers; the upper five bits are the bin. */
const BIN_SIZE = 2048
const BINS = 32
/** How far from a change of position a threshold must lie: more than the rounding of a position below 2^17. */
const MARGIN = 0.05

export interface Positions {
  readonly perUnit: number
  readonly origin: number
  /** Of each threshold. */
  readonly at: readonly number[]
}

/** Used by both engines. */
export function prepareLevels(arena: Pick<Arena, 'u8'>, search: LevelSearch, table: number): void {
  const { levels, codes } = search
  if (!(levels.length >= 2 && levels.length <= 16)) {
    throw new TersorError('E_INTERNAL', `expected a table of 2 to 16 levels, found ${levels.length}`)
  }
  const bytes = new Uint8Array(LEVEL_TABLE_BYTES)
  const view = new DataView(bytes.buffer)
  const count = levels.length - 1
  const thresholds = Array.from({ length: count }, (_, i) => roundDown(search.thresholds[i]!))
  for (let i = 0; i < 16; i++) view.setFloat32(TABLE.thresholds + i * 4, thresholds[i] ?? Infinity, true)
  view.setInt32(TABLE.count, count, true)
  for (let i = 0; i <= count; i++) {
    const code = codes?.[i] ?? i
    if (!(code < 16)) throw new TersorError('E_INTERNAL', `expected codes below 16, found ${code}`)
    bytes[TABLE.order + i] = code
    const level = new DataView(new ArrayBuffer(4))
    level.setFloat32(0, levels[i]!, true)
    for (let k = 0; k < 4; k++) bytes[TABLE.levels + 16 * k + code] = level.getUint8(k)
  }
  const positions = findPositions(thresholds)
  if (positions) {
    view.setFloat32(TABLE.perUnit, positions.perUnit, true)
    view.setInt32(TABLE.origin, positions.origin, true)
    for (let i = 0; i < 16; i++) {
      const position = positions.at[i] ?? 0
      bytes[TABLE.positions + i] = position
      bytes[TABLE.positions + 16 + i] = position >> 8
    }
    for (let bin = 0; bin < BINS; bin++) {
      // Beyond the last threshold a value is above it.
      bytes[TABLE.bins + bin] = Math.min(count - 1, positions.at.filter((position) => binOf(position) < bin).length)
    }
  }
  arena.u8.set(bytes, table)
}

/** The largest f32 that is not above `value`: no f32 lies between them, so comparing with either gives the same. */
function roundDown(value: number): number {
  const near = fround(value)
  if (near <= value) return near
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, near)
  if (near === 0) return 0
  view.setInt32(0, view.getInt32(0) + (near > 0 ? -1 : 1))
  return view.getFloat32(0)
}

function binOf(position: number): number {
  return Math.floor(position / BIN_SIZE) + BINS / 2
}

/**
 * The position of t is round(t * perUnit) + origin; no bin holds two thresholds. None for few thresholds, where comparing with each is
 * quicker, and for thresholds too unevenly spaced for 32 bins.
 */
export function findPositions(thresholds: readonly number[]): Positions | undefined {
  if (thresholds.length < 3) return undefined
  const low = thresholds[0]!
  const width = thresholds[thresholds.length - 1]! - low
  if (!(width > 1e-20 && width < 1e20 && Math.abs(low) < width)) return undefined
  for (let part = 256; part > 64; part--) {
    const perUnit = fround(((65_000 / width) * part) / 256)
    const steps = thresholds.map((threshold) => threshold * perUnit)
    if (steps.some((step) => Math.abs(step - Math.floor(step) - 0.5) < MARGIN)) continue
    for (let shift = 0; shift < BIN_SIZE; shift += 256) {
      const origin = -32_700 + shift - Math.floor(low * perUnit)
      const at = steps.map((step) => Math.floor(step + 0.5) + origin)
      const isApart = at.every((position, i) => i === 0 || binOf(position) > binOf(at[i - 1]!))
      if (isApart && at[at.length - 1]! < 32_766) return { perUnit, origin, at }
    }
  }
  return undefined
}
