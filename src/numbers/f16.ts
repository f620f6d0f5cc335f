/**
 * IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits; bias 15; largest finite 65504; least positive 2^-24.
 *
 * Encoding takes the value as f32 and rounds half to even, subnormals included. From 65520 on the result is infinite.
 * NaN becomes the quiet NaN of its sign (0x7e00, 0xfe00). Decoding is exact, and keeps the payload of a NaN in arrays.
 */

const floats = new Float32Array(1)
const words = new Uint32Array(floats.buffer)

/** Code of one value. */
export function encodeF16(value: number): number {
  floats[0] = value
  return fromWord(words[0]!)
}

/** Value of one code (0 .. 65535). */
export function decodeF16(code: number): number {
  words[0] = toWord(code)
  return floats[0]!
}

/** The nearest binary16 value. */
export function roundToF16(value: number): number {
  return decodeF16(encodeF16(value))
}

/** Encodes all of `values` into `codes` (at least as long). Returns how many finite values became infinite. */
export function encodeF16Array(values: Float32Array, codes: Uint16Array): number {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length)
  let overflowed = 0
  for (let index = 0; index < source.length; index++) {
    const word = source[index]!
    const code = fromWord(word)
    if ((code & 0x7fff) === 0x7c00 && (word & 0x7fffffff) < 0x7f800000) overflowed++
    codes[index] = code
  }
  return overflowed
}

export function decodeF16Array(codes: Uint16Array): Float32Array {
  const result = new Uint32Array(codes.length)
  for (let index = 0; index < codes.length; index++) result[index] = toWord(codes[index]!)
  return new Float32Array(result.buffer)
}

function fromWord(word: number): number {
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude >= 0x38800000) {
    const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
    return sign | ((rounded - 0x38000000) >>> 13)
  }
  return sign | subnormal(magnitude)
}

/** Below 2^-14: the value in units of 2^-24, half to even. 1024 units are the code of the least normal number. */
function subnormal(magnitude: number): number {
  const exponent = magnitude >>> 23
  // Units are fraction * 2^(exponent - 126); from a shift of 25 on less than half a unit is left.
  const shift = 126 - exponent
  if (shift > 24) return 0
  const fraction = (magnitude & 0x7fffff) | 0x800000
  const units = fraction >>> shift
  const rest = fraction & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return rest > half || (rest === half && (units & 1) === 1) ? units + 1 : units
}

function toWord(code: number): number {
  const sign = (code & 0x8000) << 16
  const exponent = (code >>> 10) & 0x1f
  const fraction = code & 0x3ff
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13)
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13)
  if (fraction === 0) return sign
  // fraction * 2^-24 with its leading one at bit `top`.
  const top = 31 - Math.clz32(fraction)
  return sign | ((top + 103) << 23) | ((fraction << (23 - top)) & 0x7fffff)
}
