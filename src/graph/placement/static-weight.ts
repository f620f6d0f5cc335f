import { TersorError } from '../../errors.ts'
import type { StaticWeight } from '../../model/activation.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'

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
  const { unsigned = false, most = 127, least, scale = 'extreme' } = options
  const channels = axis === null ? 1 : (shape[axis] as number)
  const inner = axis === null ? 1 : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const channelOf = (index: number): number => Math.floor(index / inner) % channels
  const extremes = extremesOf(name, values, channels, channelOf)
  const scales = extremes.map((extreme, channel) => {
    const floor = least?.[channel] ?? 0
    return Math.max(extreme > 0 ? Math.fround(extreme / most) : 1, floor)
  })
  if (scale === 'error') lowerScales(scales, values, most, least, channelOf)
  const bytes = new Uint8Array(values.length)
  for (let index = 0; index < values.length; index++) {
    const code = encode(values[index] as number, scales[channelOf(index)] as number, most)
    bytes[index] = unsigned ? code + 128 : code
  }
  return {
    codes: {
      name: `${name}/codes`,
      dtype: unsigned ? 'u8' : 'i8',
      shape,
      storage: { kind: 'bytes', bytes, byteLength: bytes.byteLength },
    },
    scales,
    axis,
  }
}

function encode(value: number, scale: number, most: number): number {
  const code = roundHalfEven(value / scale)
  return code > most ? most : code < -most ? -most : code
}

function extremesOf(
  name: string,
  values: Float32Array,
  channels: number,
  channelOf: (index: number) => number,
): Float32Array {
  const extremes = new Float32Array(channels)
  for (let index = 0; index < values.length; index++) {
    const magnitude = Math.abs(values[index] as number)
    if (!Number.isFinite(magnitude)) {
      throw new TersorError('E_NONFINITE', `expected finite weights, found one at element ${index}`, {
        where: `tensor "${name}"`,
      })
    }
    const channel = channelOf(index)
    if (magnitude > (extremes[channel] as number)) extremes[channel] = magnitude
  }
  return extremes
}

/** Per channel the candidate of least squared error; the closed form wins ties. */
function lowerScales(
  scales: Float32Array,
  values: Float32Array,
  most: number,
  least: Float32Array | undefined,
  channelOf: (index: number) => number,
): void {
  const full = scales.slice()
  const errors = new Float64Array(scales.length).fill(Number.POSITIVE_INFINITY)
  for (let step = CANDIDATES; step >= 0; step--) {
    const part = LEAST_PART + ((1 - LEAST_PART) * step) / CANDIDATES
    const candidate = full.map((scale, channel) => Math.max(Math.fround(scale * part), least?.[channel] ?? 0))
    const sums = new Float64Array(scales.length)
    for (let index = 0; index < values.length; index++) {
      const channel = channelOf(index)
      const scale = candidate[channel] as number
      const value = values[index] as number
      sums[channel] = (sums[channel] as number) + (value - scale * encode(value, scale, most)) ** 2
    }
    for (let channel = 0; channel < scales.length; channel++) {
      if ((sums[channel] as number) >= (errors[channel] as number)) continue
      errors[channel] = sums[channel] as number
      scales[channel] = candidate[channel] as number
    }
  }
}
