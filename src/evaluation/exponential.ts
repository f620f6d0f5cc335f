/** 2^-n. Halving is exact, and reading a table faster than writing an exponent. */
const HALVES = new Float64Array(1023)
HALVES[0] = 1
for (let n = 1; n < HALVES.length; n += 1) HALVES[n] = HALVES[n - 1]! / 2

const LN2_HIGH = 0.6931471803691238
const LN2_LOW = 1.9082149292705877e-10

/**
 * e^x for x <= 0 in IEEE + - * / only, so that figures are the same in every engine (`Math.exp` is not).
 * Relative error below 1e-15; 0 where the result would be below 1e-307. NaN stays NaN.
 */
export function expNegative(x: number): number {
  if (x < -707) return 0
  // Floor of (x / ln 2 + 1/2); the remainder is within ln 2 / 2.
  const power = Math.floor(x * Math.LOG2E + 0.5)
  const rest = x - power * LN2_HIGH - power * LN2_LOW
  // Taylor series by its coefficients 1/n!, thirteen terms: they reach 1e-17. Divisions would take four times as long.
  let sum = rest * 1.6059043836821613e-10 + 2.08767569878681e-9
  sum = sum * rest + 2.505210838544172e-8
  sum = sum * rest + 2.755731922398589e-7
  sum = sum * rest + 2.7557319223985893e-6
  sum = sum * rest + 2.48015873015873e-5
  sum = sum * rest + 1.984126984126984e-4
  sum = sum * rest + 1.388888888888889e-3
  sum = sum * rest + 8.333333333333333e-3
  sum = sum * rest + 4.1666666666666664e-2
  sum = sum * rest + 1.6666666666666666e-1
  sum = sum * rest + 0.5
  sum = sum * rest + 1
  sum = sum * rest + 1
  // A whole number to the machine, too: -0 would be looked up by name.
  return sum * HALVES[-power | 0]!
}
