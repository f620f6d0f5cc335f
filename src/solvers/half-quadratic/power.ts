import { powerBySquareRoots } from '../../numbers/power.ts'

/** 1 - 0.7, for the norm of half-quadratic quantization. */
const EXPONENT = 0.3

const PARTS = 256
const single = new Float32Array(1)
const bits = new Uint32Array(single.buffer)

/** 2^(0.3 e) of the exponents of f32. */
const ofExponent = new Float64Array(256)
/** 1 to 2, in equal steps. */
const ofFraction = Float64Array.from({ length: PARTS + 1 }, (_, i) => powerBySquareRoots(1 + i / PARTS, EXPONENT))
{
  const two = powerBySquareRoots(2, EXPONENT)
  ofExponent[127] = 1
  for (let e = 128; e < 256; e++) ofExponent[e] = (ofExponent[e - 1] as number) * two
  for (let e = 126; e >= 0; e--) ofExponent[e] = (ofExponent[e + 1] as number) / two
}

/**
 * x^0.3 for normal f32 numbers above 0, within a millionth: from tables with lines between, since `Math.pow` differs from machine to
 * machine. Tables are made by square roots, which are rounded alike everywhere.
 */
export function power(value: number): number {
  single[0] = value
  const word = bits[0] as number
  const fraction = word & 0x7fffff
  const part = fraction >>> 15
  const low = ofFraction[part] as number
  const high = ofFraction[part + 1] as number
  return (ofExponent[word >>> 23] as number) * (low + ((high - low) * (fraction & 0x7fff)) / 0x8000)
}
