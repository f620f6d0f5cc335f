const doubles = new Float64Array(1)
const words = new Uint32Array(doubles.buffer)
// Which word of a double holds sign and exponent.
doubles[0] = 1
const HIGH = words[1] === 0x3ff00000 ? 1 : 0

const LN2_HIGH = 0.6931471803691238
const LN2_LOW = 1.9082149292705877e-10
const FACTORS: readonly number[] = [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]

/**
 * e^x for x <= 0 in IEEE + - * / only, so that figures are the same in every engine (`Math.exp` is not).
 * Relative error below 1e-15; 0 where the result would be below 1e-307. NaN stays NaN.
 */
export function expNegative(x: number): number {
  if (x < -707) return 0
  // Floor of (x / ln 2 + 1/2); the remainder is within ln 2 / 2.
  const power = Math.floor(x * Math.LOG2E + 0.5)
  const rest = x - power * LN2_HIGH - power * LN2_LOW
  // Nested Taylor series: 1 + r (1 + r/2 (1 + r/3 (...))); thirteen terms reach 1e-17.
  let sum = 1
  for (const factor of FACTORS) sum = 1 + (rest * sum) / factor
  doubles[0] = 0
  words[HIGH] = (power + 1023) * 0x100000
  return sum * doubles[0]
}
