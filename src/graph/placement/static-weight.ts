import { TersorError } from '../../errors.ts'
import type { StaticWeight } from '../../model/activation.ts'
import type { Kernels } from '../../model/kernels.ts'

export interface StaticWeightOptions {
  /** Codes around 128 in u8, the same numbers: kernels of two unsigned operands do not saturate. */
  readonly unsigned?: boolean
  /** Largest magnitude of a code; default 127, 63 for 7-bit weights. */
  readonly most?: number
  /** Scales are at least these (see `leastWeightScales`, and scales that keep pairs of codes small). */
  readonly least?: Float32Array
  /** 'error': the scale of least squared error among 17 between 0.7 and 1 of the closed form. Default 'extreme'. */
  readonly scale?: 'extreme' | 'error'
}

/** The lowest scale that is tried, as a part of the closed form. */
const LEAST_PART = 0.7
/** Floats of a call of the kernel, where a channel has no more. */
const CALL = 1 << 17

export interface RoundedWeight {
  readonly weight: StaticWeight
  /** For each scale how large `least` may be without changing anything. */
  readonly floors: Float32Array
  /** Sums of squares over all elements: of what rounding changed, and of what was there. */
  readonly error: number
  readonly energy: number
}

/**
 * Symmetric codes of a weight of any rank, one scale an index of `axis` (null: one for all):
 * `value = scale * code`, code in [-most, most]. Closed form: scale = largest magnitude / most.
 * For weights that fit in memory; larger ones go through solvers and packings. E_NONFINITE for NaN and infinities.
 */
export function staticWeight(
  kernels: Kernels,
  name: string,
  values: Float32Array,
  shape: readonly number[],
  axis: number | null,
  options: StaticWeightOptions = {},
): StaticWeight {
  return roundWeight(kernels, name, values, shape, axis, options).weight
}

/** The same, and what is known of it then. */
export function roundWeight(
  kernels: Kernels,
  name: string,
  values: Float32Array,
  shape: readonly number[],
  axis: number | null,
  options: StaticWeightOptions = {},
): RoundedWeight {
  const { unsigned = false, most = 127, least, scale = 'extreme' } = options
  const channels = axis === null ? 1 : (shape[axis] as number)
  const inner = axis === null ? values.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const length = channels === 0 ? 0 : values.length / channels
  const scales = new Float32Array(channels)
  const bytes = new Uint8Array(values.length)
  const perCall = Math.max(1, Math.min(channels, Math.floor(CALL / Math.max(length, 1))))
  const place = placeOf(kernels, perCall, length)
  const figures = new Float64Array(3 * channels)
  const search = scale === 'error' ? 1 : 0
  for (let first = 0; first < channels; first += perCall) {
    const rows = Math.min(perCall, channels - first)
    const layout = { channels, inner, first, rows, length }
    take(values, layout, new Float32Array(kernels.memory, place.values, rows * length))
    const { scales: to, codes, sums } = place
    if (least) new Float32Array(kernels.memory, place.least, rows).set(least.subarray(first, first + rows))
    const floor = least ? place.least : 0
    const bad = kernels.roundRows(place.values, rows, length, most, search, floor, to, codes, sums)
    if (bad >= 0) throw notFinite(name, values)
    scales.set(new Float32Array(kernels.memory, to, rows), first)
    give(new Uint8Array(kernels.memory, codes, rows * length), layout, bytes)
    figures.set(new Float64Array(kernels.memory, sums, 3 * rows), 3 * first)
  }
  if (unsigned) flip(bytes)
  const codes = {
    name: `${name}/codes`,
    dtype: unsigned ? ('u8' as const) : ('i8' as const),
    shape,
    storage: { kind: 'bytes' as const, bytes, byteLength: bytes.byteLength },
  }
  return { weight: { codes, scales, axis }, floors: floorsOf(figures, search), ...sumsOf(figures) }
}

function floorsOf(figures: Float64Array, search: 0 | 1): Float32Array {
  const floors = new Float32Array(figures.length / 3)
  for (let row = 0; row < floors.length; row++) floors[row] = figures[3 * row + 2]! * (search === 1 ? LEAST_PART : 1)
  return floors
}

function sumsOf(figures: Float64Array): Pick<RoundedWeight, 'error' | 'energy'> {
  let [error, energy] = [0, 0]
  for (let at = 0; at < figures.length; at += 3) {
    error += figures[at]!
    energy += figures[at + 1]!
  }
  return { error, energy }
}

function flip(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at++) bytes[at]! ^= 128
}

interface Layout {
  readonly channels: number
  /** Elements of one channel that follow one another. */
  readonly inner: number
  /** Channels that are taken together, from `first` on; each has `length` elements. */
  readonly first: number
  readonly rows: number
  readonly length: number
}

/** The elements of some channels, one channel after the other. */
function take(values: Float32Array, { channels, inner, first, rows, length }: Layout, tile: Float32Array): void {
  if (inner === length) {
    tile.set(values.subarray(first * length, (first + rows) * length))
    return
  }
  for (let start = first * inner, to = 0; to < length; start += channels * inner, to += inner)
    for (let row = 0, from = start; row < rows; row++)
      for (let at = row * length + to, end = at + inner; at < end; at++, from++) tile[at] = values[from]!
}

/** The way back. */
function give(tile: Uint8Array, { channels, inner, first, rows, length }: Layout, bytes: Uint8Array): void {
  if (inner === length) {
    bytes.set(tile, first * length)
    return
  }
  for (let start = first * inner, to = 0; to < length; start += channels * inner, to += inner)
    for (let row = 0, from = start; row < rows; row++)
      for (let at = row * length + to, end = at + inner; at < end; at++, from++) bytes[from] = tile[at]!
}

function placeOf(kernels: Kernels, rows: number, length: number) {
  const sizes = { values: 4 * rows * length, least: 4 * rows, scales: 4 * rows, sums: 24 * rows, codes: rows * length }
  let at = 0
  const offsets = Object.entries(sizes).map(([name, size]) => {
    const offset = at
    at += Math.ceil(size / 64) * 64
    return [name, offset] as const
  })
  const start = kernels.reserve(at)
  return Object.fromEntries(offsets.map(([name, offset]) => [name, start + offset])) as Record<
    keyof typeof sizes,
    number
  >
}

function notFinite(name: string, values: Float32Array): TersorError {
  const index = values.findIndex((value) => !Number.isFinite(value))
  return new TersorError('E_NONFINITE', `expected finite weights, found one at element ${index}`, {
    where: `tensor "${name}"`,
  })
}
