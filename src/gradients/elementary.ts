import { powerOfTwo } from '../numbers/power-of-two.ts'

/**
 * Functions in IEEE + - * / and square roots only, so that they give the same bits in every engine (those of `Math` do not).
 * Relative errors below 1e-13 unless said otherwise.
 */

const LN2_HIGH = 0.6931471803691238
const LN2_LOW = 1.9082149292705877e-10
/** 1 / n! */
const FACTORIALS = new Float64Array(13).fill(1)
for (let n = 1; n < FACTORIALS.length; n++) FACTORIALS[n] = FACTORIALS[n - 1]! / n
const [F2, F3, F4, F5, F6, F7, F8, F9, F10, F11, F12] = FACTORIALS.subarray(2) as unknown as number[] as [
  ...[number, number, number, number, number, number, number, number, number, number, number],
]

/** 0 below -200, as e^200 above 200: no sum of f32 tells. NaN stays. */
export function exponential(x: number): number {
  if (x < -200) return 0
  const bounded = x > 200 ? 200 : x
  const power = Math.floor(bounded * Math.LOG2E + 0.5)
  const r = bounded - power * LN2_HIGH - power * LN2_LOW
  const high = F7 + r * (F8 + r * (F9 + r * (F10 + r * (F11 + r * F12))))
  const sum = 1 + r * (1 + r * (F2 + r * (F3 + r * (F4 + r * (F5 + r * (F6 + r * high))))))
  return Number.isNaN(power) ? power : sum * powerOfTwo(power)
}

/** -Infinity at 0, NaN below. */
export function logarithm(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : Number.NaN
  let mantissa = x
  let power = 0
  while (mantissa >= 4294967296) {
    mantissa /= 4294967296
    power += 32
    if (power > 2048) return Infinity
  }
  while (mantissa < 1 / 4294967296) {
    mantissa *= 4294967296
    power -= 32
  }
  while (mantissa > Math.SQRT2) {
    mantissa /= 2
    power += 1
  }
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2
    power -= 1
  }
  // ln m = 2 artanh((m - 1) / (m + 1)), whose argument is within 0.172.
  const s = (mantissa - 1) / (mantissa + 1)
  const q = s * s
  let sum = 0
  for (let n = 19; n >= 1; n -= 2) sum = sum * q + 1 / n
  return power * LN2_HIGH + (power * LN2_LOW + 2 * s * sum)
}

export function sigmoid(x: number): number {
  return 1 / (1 + exponential(-x))
}

export function tanh(x: number): number {
  if (x > 20) return 1
  if (x < -20) return -1
  const e = exponential(-2 * x)
  return (1 - e) / (1 + e)
}

/** x^y; whole and half exponents up to 4 exactly as products and roots. */
export function power(x: number, y: number): number {
  if (y === 2) return x * x
  if (y === 1) return x
  if (y === 0.5) return Math.sqrt(x)
  if (y === 3) return x * x * x
  if (y === 4) return x * x * (x * x)
  if (y === 0) return 1
  if (y === -1) return 1 / x
  if (y === -0.5) return 1 / Math.sqrt(x)
  const whole = Math.floor(y) === y
  if (x < 0 && !whole) return Number.NaN
  if (x === 0) return y > 0 ? 0 : Infinity
  const size = exponential(y * logarithm(x < 0 ? -x : x))
  return x < 0 && y % 2 !== 0 ? -size : size
}

const TWO_BY_ROOT_PI = 1.1283791670955126
/** The error function at multiples of 1 / 64 up to 6, from its series; cubics between them are right to 1e-9. */
const STEPS = 64
const ERF = new Float64Array(6 * STEPS + 2)
const SLOPE = new Float64Array(ERF.length)
for (let i = 0; i < ERF.length; i++) {
  const x = i / STEPS
  const density = TWO_BY_ROOT_PI * exponential(-x * x)
  let term = x
  let sum = x
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  ERF[i] = x > 5.9 ? 1 : density * sum
  SLOPE[i] = density / STEPS
}

/** Absolute error below 1e-9. */
export function erf(x: number): number {
  const size = x < 0 ? -x : x
  if (!(size < 6)) return size >= 6 ? (x < 0 ? -1 : 1) : Number.NaN
  const place = Math.floor(size * STEPS)
  const t = size * STEPS - place
  const [a, b, da, db] = [ERF[place]!, ERF[place + 1]!, SLOPE[place]!, SLOPE[place + 1]!]
  const value = a + t * (da + t * (3 * (b - a) - 2 * da - db + t * (2 * (a - b) + da + db)))
  return x < 0 ? -value : value
}

/** The slope of `erf`. */
export function erfSlope(x: number): number {
  return TWO_BY_ROOT_PI * exponential(-x * x)
}

/** pi / 2 in three parts, the first two of so few bits that products with whole numbers below 2^20 are exact. */
const [QUARTER1, QUARTER2, QUARTER3] = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21]
const MOST_ANGLE = 1e6

/** Absolute error below 1e-13 up to 10^6; beyond that an angle in f32 says next to nothing, and the result is NaN. */
export function sine(x: number): number {
  return quarterWave(x, 0)
}

/** As `sine`. */
export function cosine(x: number): number {
  return quarterWave(x, 1)
}

function quarterWave(x: number, shift: number): number {
  if (!(x < MOST_ANGLE && x > -MOST_ANGLE)) return Number.NaN
  const quarter = Math.floor((x * 2) / Math.PI + 0.5)
  const r = x - quarter * QUARTER1 - quarter * QUARTER2 - quarter * QUARTER3
  const turn = (((quarter + shift) % 4) + 4) % 4
  const q = -r * r
  let sum = 1
  // Nested series: of the cosine in odd quarters, of the sine else; r is within pi / 4.
  const first = turn % 2 === 1 ? 1 : 2
  for (let n = 14 + first; n >= first; n -= 2) sum = 1 + (q * sum) / (n * (n + 1))
  const value = turn % 2 === 1 ? sum : r * sum
  return turn >= 2 ? -value : value
}
