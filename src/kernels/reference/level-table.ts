import { TersorError } from '../../errors.ts'
import type { LevelSearch } from '../../model/kernels.ts'
import type { Arena } from './arena.ts'

const { fround } = Math

/** Layout of a prepared table: bytes of the floats apart, so that byte shuffles can look them up. Twin: assembly/levels.ts. */
export const TABLE = {
  /** Bytes 0 .. 3 of the midpoint above each index, 16 bytes each; +inf where there is none. */
  midpointPlanes: 0,
  /** The same for the level of each code. */
  levelPlanes: 64,
  /** Index below which no value of a bin lies, 32 bins. */
  bins: 128,
  /** Code of each index. */
  order: 160,
  /** Bins per unit (f32; 0: no bins), bin of 0 (f32), number of midpoints (i32). */
  perUnit: 176,
  origin: 180,
  count: 184,
  midpoints: 192,
  byteLength: 256,
} as const

const BINS = 32
/** How near to the edge of a bin a midpoint counts as being in both; far beyond the rounding of a position. */
const MARGIN = 2 ** -10

export interface Bins {
  readonly perUnit: number
  readonly origin: number
  readonly first: Uint8Array
}

/** Used by both engines. */
export function prepareLevels(arena: Pick<Arena, 'u8'>, search: LevelSearch, table: number): void {
  const { levels, codes } = search
  if (!(levels.length >= 2 && levels.length <= 16)) {
    throw new TersorError('E_INTERNAL', `expected a table of 2 to 16 levels, found ${levels.length}`)
  }
  const bytes = new Uint8Array(TABLE.byteLength)
  const view = new DataView(bytes.buffer)
  const midpoints = new Float32Array(16).fill(Infinity)
  const count = levels.length - 1
  for (let i = 0; i < count; i++) midpoints[i] = roundDown(search.thresholds[i]!)
  const ofCodes = new Float32Array(16)
  for (let i = 0; i <= count; i++) {
    const code = codes?.[i] ?? i
    if (!(code < 16)) throw new TersorError('E_INTERNAL', `expected codes below 16, found ${code}`)
    bytes[TABLE.order + i] = code
    ofCodes[code] = levels[i]!
  }
  for (let i = 0; i < 16; i++) view.setFloat32(TABLE.midpoints + i * 4, midpoints[i]!, true)
  spread(midpoints, bytes, TABLE.midpointPlanes)
  spread(ofCodes, bytes, TABLE.levelPlanes)
  view.setInt32(TABLE.count, count, true)
  const bins = findBins(midpoints.subarray(0, count))
  if (bins) {
    view.setFloat32(TABLE.perUnit, bins.perUnit, true)
    view.setFloat32(TABLE.origin, bins.origin, true)
    bytes.set(bins.first, TABLE.bins)
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

/** Byte k of float i goes to at + 16 k + i. */
function spread(floats: Float32Array, target: Uint8Array, at: number): void {
  const view = new DataView(floats.buffer, floats.byteOffset)
  for (let i = 0; i < 16; i++) {
    for (let k = 0; k < 4; k++) target[at + 16 * k + i] = view.getUint32(4 * i, true) >>> (8 * k)
  }
}

/**
 * Bins of equal width that hold at most one midpoint each: bin = round(t * perUnit) + origin, first = the index of its lowest value.
 * None for few midpoints, where comparing with each is quicker, and for midpoints too unevenly spaced for 32 bins.
 */
export function findBins(midpoints: Float32Array): Bins | undefined {
  if (midpoints.length < 5) return undefined
  const low = midpoints[0]!
  const width = midpoints[midpoints.length - 1]! - low
  if (!(width > 1e-30 && width < 1e30 && Math.abs(low) < 64 * width)) return undefined
  for (let bins = BINS - 1; bins > midpoints.length; bins -= 0.125) {
    const perUnit = fround((bins - 1) / width)
    const origin = -Math.floor(low * perUnit + 0.5)
    const first = new Uint8Array(BINS)
    let fits = Math.floor(midpoints[midpoints.length - 1]! * perUnit + 0.5 + MARGIN) + origin < BINS
    for (let bin = 0; bin < BINS && fits; bin++) {
      const from = bin === 0 ? -Infinity : bin - origin - 0.5 - MARGIN
      const to = bin === BINS - 1 ? Infinity : bin - origin + 0.5 + MARGIN
      let below = 0
      let inside = 0
      for (const midpoint of midpoints) {
        const position = midpoint * perUnit
        if (position < from) below++
        else if (position <= to) inside++
      }
      first[bin] = below
      if (inside > 1) fits = false
    }
    if (fits) return { perUnit, origin, first }
  }
  return undefined
}
