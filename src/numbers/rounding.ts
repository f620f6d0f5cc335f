/**
 * Rounding to integers, each mode by name. `Math.round` (half up) is none of them and is not used.
 * NaN and infinities come back as they are; the sign of zero is not kept.
 */
export type RoundingMode = 'half-even' | 'half-away' | 'floor' | 'truncate'

/** At and above 2^52 every double is an integer. */
const INTEGER_FROM = 4503599627370496

/** To the nearest integer, ties to the even one: what WASM `nearest` and IEEE conversions do. */
export function roundHalfEven(value: number): number {
  if (!(value > -INTEGER_FROM && value < INTEGER_FROM)) return value
  const low = Math.floor(value)
  const rest = value - low
  if (rest < 0.5) return low
  if (rest > 0.5) return low + 1
  return low % 2 === 0 ? low : low + 1
}

/** To the nearest integer, ties away from zero: what C's `roundf` does. */
export function roundHalfAway(value: number): number {
  if (!(value > -INTEGER_FROM && value < INTEGER_FROM)) return value
  const magnitude = value < 0 ? -value : value
  const low = Math.floor(magnitude)
  const rounded = magnitude - low >= 0.5 ? low + 1 : low
  return value < 0 ? 0 - rounded : rounded
}

export function round(value: number, mode: RoundingMode): number {
  switch (mode) {
    case 'half-even':
      return roundHalfEven(value)
    case 'half-away':
      return roundHalfAway(value)
    case 'floor':
      return Math.floor(value)
    case 'truncate':
      return Math.trunc(value)
  }
}

/**
 * Up with a probability equal to the fraction, so that the expected result is the value.
 * The draw depends on (seed, index) only: any order of calls and any number of workers give the same result.
 */
export function roundStochastic(value: number, seed: number, index: number): number {
  if (!(value > -INTEGER_FROM && value < INTEGER_FROM)) return value
  const low = Math.floor(value)
  return uniform(seed, index) < value - low ? low + 1 : low
}

/** A number in [0, 1) with 32 bits, from two integers (both taken modulo 2^32). */
export function uniform(seed: number, index: number): number {
  return scramble(scramble(seed >>> 0) ^ (index >>> 0)) / 4294967296
}

/** A bijection of 32-bit integers in which every input bit moves about half of the output bits. */
function scramble(word: number): number {
  let mixed = (word + 0x9e3779b9) | 0
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d)
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39)
  return (mixed ^ (mixed >>> 15)) >>> 0
}
