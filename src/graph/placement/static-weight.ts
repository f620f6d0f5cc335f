import { TersorError } from '../../errors.ts'
import type { StaticWeight } from '../../model/activation.ts'

export interface StaticWeightOptions {
  /** Codes around 128 in u8, the same numbers: kernels of two unsigned operands do not saturate. */
  readonly unsigned?: boolean
  /** Largest magnitude of a code; default 127, 63 for 7-bit weights. */
  readonly most?: number
  /** Scales are at least these (see `leastWeightScales`, and scales that keep pairs of codes small). */
  readonly least?: Float32Array
  /** 'error': the scale of least squared error among 16 between 0.7 and 1 of the closed form. Default 'extreme'. */
  readonly scale?: 'extreme' | 'error'
}

const CANDIDATES = 16
const LEAST_PART = 0.7

/**
 * Symmetric codes of a weight of any rank, one scale an index of `axis` (null: one for all):
 * `value = scale * code`, code in [-most, most]. Closed form: scale = largest magnitude / most.
 * For weights that fit in memory; larger ones go through solvers and packings. E_NONFINITE for NaN and infinities.
 */
export function staticWeight(
  name: string,
  values: Float32Array,
  shape: readonly number[],
  axis: number | null,
  options: StaticWeightOptions = {},
): StaticWeight {
  return roundWeight(name, values, shape, axis, options).weight
}

/** The same, and for each scale how large `least` may be without changing anything. */
export function roundWeight(
  name: string,
  values: Float32Array,
  shape: readonly number[],
  axis: number | null,
  options: StaticWeightOptions = {},
): { readonly weight: StaticWeight; readonly floors: Float32Array } {
  const { unsigned = false, most = 127, least, scale = 'extreme' } = options
  const channels = axis === null ? 1 : (shape[axis] as number)
  const inner = axis === null ? 1 : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const layout = { channels, inner, count: values.length }
  const extremes = extremesOf(name, values, layout)
  const scales = extremes.map((extreme, channel) => {
    const floor = least?.[channel] ?? 0
    return Math.max(extreme > 0 ? Math.fround(extreme / most) : 1, floor)
  })
  const floors = scale === 'error' ? scales.map((full) => Math.fround(full * LEAST_PART)) : scales.slice()
  if (scale === 'error') lowerScales(scales, values, most, least, layout)
  const bytes = new Uint8Array(values.length)
  const middle = unsigned ? 128 : 0
  eachRun(layout, (channel, start, end) => {
    const step = scales[channel] as number
    for (let index = start; index < end; index++) {
      bytes[index] = encode(values[index] as number, step, most) + middle
    }
  })
  const codes = {
    name: `${name}/codes`,
    dtype: unsigned ? ('u8' as const) : ('i8' as const),
    shape,
    storage: { kind: 'bytes' as const, bytes, byteLength: bytes.byteLength },
  }
  return { weight: { codes, scales, axis }, floors }
}

/** 1.5 * 2^52: a double below 2^51 that it is added to and taken from again is rounded, half to even. */
const ROUNDER = 6755399441055744

function encode(value: number, scale: number, most: number): number {
  const code = value / scale + ROUNDER - ROUNDER
  return code > most ? most : code < -most ? -most : code
}

interface Layout {
  readonly channels: number
  /** Elements of one channel that follow one another. */
  readonly inner: number
  readonly count: number
}

/** Runs of elements of one channel, in their order. */
function eachRun(
  { channels, inner, count }: Layout,
  visit: (channel: number, start: number, end: number) => void,
): void {
  const length = channels === 1 ? count : inner
  for (let start = 0, channel = 0; start < count; start += length) {
    visit(channel, start, start + length)
    channel = channel + 1 === channels ? 0 : channel + 1
  }
}

function extremesOf(name: string, values: Float32Array, layout: Layout): Float32Array {
  const extremes = new Float32Array(layout.channels)
  eachRun(layout, (channel, start, end) => {
    let extreme = extremes[channel] as number
    for (let index = start; index < end; index++) {
      const magnitude = Math.abs(values[index] as number)
      if (!(magnitude < Number.POSITIVE_INFINITY)) {
        throw new TersorError('E_NONFINITE', `expected finite weights, found one at element ${index}`, {
          where: `tensor "${name}"`,
        })
      }
      if (magnitude > extreme) extreme = magnitude
    }
    extremes[channel] = extreme
  })
  return extremes
}

/** Per channel the candidate of least squared error; the closed form wins ties. */
function lowerScales(
  scales: Float32Array,
  values: Float32Array,
  most: number,
  least: Float32Array | undefined,
  layout: Layout,
): void {
  const { channels, inner, count } = layout
  const own = new Float64Array(count / Math.max(channels, 1))
  for (let channel = 0; channel < channels; channel++) {
    for (let start = channels === 1 ? 0 : channel * inner, at = 0; at < own.length; start += channels * inner) {
      const length = channels === 1 ? count : inner
      for (let index = start; index < start + length; index++, at++) own[at] = values[index] as number
    }
    const full = scales[channel] as number
    const floor = least?.[channel] ?? 0
    let error = Number.POSITIVE_INFINITY
    for (let step = CANDIDATES; step >= 0; step--) {
      const part = LEAST_PART + ((1 - LEAST_PART) * step) / CANDIDATES
      const candidate = Math.fround(Math.max(Math.fround(full * part), floor))
      const sum = squaredError(own, candidate, most, error)
      if (sum >= error) continue
      error = sum
      scales[channel] = candidate
    }
  }
}

/** Elements between two looks at what was reached. */
const STRETCH = 64

/** In the order of the elements; given up, with what was reached, once that is `enough`. */
function squaredError(values: Float64Array, scale: number, most: number, enough: number): number {
  // Which of two codes a value half-way between them gets makes no difference to its error.
  const inverseScale = 1 / scale
  let sum = 0
  for (let start = 0; start < values.length && !(sum >= enough); start += STRETCH) {
    const end = Math.min(start + STRETCH, values.length)
    for (let index = start; index < end; index++) {
      const value = values[index] as number
      const code = value * inverseScale + ROUNDER - ROUNDER
      const difference = value - scale * (code > most ? most : code < -most ? -most : code)
      sum += difference * difference
    }
  }
  return sum
}
