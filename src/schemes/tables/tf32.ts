/**
 * tf32: every value a float of 19 bits by itself, the format of tensor cores.
 *
 *   value = float(code, tail)      code: the upper 16 bits of the f32; tail: three more bits of the fraction, a parameter
 *   19 bits per weight, no scale; groups of 16 only because parameters belong to groups
 *
 * NVIDIA A100 whitepaper: 1 sign, 8 exponent and 10 fraction bits. Beyond the largest one: that one.
 */
import type { Codec } from '../../model/array-scheme.ts'
import { roundToTf32 } from '../../numbers/small-float-arrays.ts'
import { largestFloat } from '../../numbers/small-floats.ts'

/** Values whose tails are stored together: 48 bits, whole bytes. */
export const TF32_BLOCK = 16

/** Half a unit in the last place of the fraction, of a magnitude. */
const HALF_STEP = 2 ** -11
/** Half the least subnormal. */
const LEAST = 2 ** -137

const floats = new Float32Array(1)
const words = new Uint32Array(floats.buffer)

export const TF32: Codec = {
  levels: 65536,
  packing: 'bits',
  vector: 1,
  even: true,
  exactZero: true,
  parameters: [{ name: 'tails', type: 'u3', count: TF32_BLOCK }],
  shared: [],
  effort: 'closed',
  efforts: ['closed'],
  encode({ values, rounding, seed, first, fixed }, codes, parameters) {
    if (!fixed) parameters.fill(0)
    const rounded = values.slice()
    roundToTf32(rounded, { rounding, overflow: 'saturate', seed, index: first })
    for (let i = 0; i < rounded.length; i++) {
      floats[0] = rounded[i] as number
      const word = words[0] as number
      codes[i] = word >>> 16
      parameters[i] = (word >>> 13) & 7
    }
  },
  decode(codes, parameters, _, values) {
    for (let i = 0; i < values.length; i++) {
      words[0] = (codes[i] as number) * 65536 + (parameters[i] as number) * 8192
      values[i] = floats[0] as number
    }
  },
  errorBound(_, __, low, high) {
    const most = largestFloat('tf32')
    const magnitude = Math.max(-low, high, 0)
    return Math.max(LEAST, Math.min(magnitude, most) * HALF_STEP, magnitude - most)
  },
}
