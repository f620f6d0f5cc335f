/**
 * bfloat16: the upper half of an f32 (1 sign, 8 exponent, 7 fraction bits).
 *
 * Encoding takes the value as f32 and rounds half to even, subnormals included; values beyond the largest finite
 * (about 3.39e38) become infinite. NaN becomes the quiet NaN of its sign (0x7fc0, 0xffc0).
 */

const floats = new Float32Array(1)
const words = new Uint32Array(floats.buffer)

/** Code of one value. */
export function encodeBf16(value: number): number {
  floats[0] = value
  return fromWord(words[0]!)
}

/** Value of one code (0 .. 65535). */
export function decodeBf16(code: number): number {
  words[0] = (code & 0xffff) << 16
  return floats[0]!
}

/** The nearest bfloat16 value. */
export function roundToBf16(value: number): number {
  return decodeBf16(encodeBf16(value))
}

/** Encodes all of `values` into `codes` (at least as long). Returns how many finite values became infinite. */
export function encodeBf16Array(values: Float32Array, codes: Uint16Array): number {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length)
  let overflowed = 0
  for (let index = 0; index < source.length; index++) {
    const word = source[index]!
    const code = fromWord(word)
    if ((code & 0x7fff) === 0x7f80 && (word & 0x7fffffff) < 0x7f800000) overflowed++
    codes[index] = code
  }
  return overflowed
}

export function decodeBf16Array(codes: Uint16Array): Float32Array {
  const result = new Uint32Array(codes.length)
  for (let index = 0; index < codes.length; index++) result[index] = codes[index]! << 16
  return new Float32Array(result.buffer)
}

function fromWord(word: number): number {
  if ((word & 0x7fffffff) > 0x7f800000) return ((word >>> 16) & 0x8000) | 0x7fc0
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
}
