/**
 * cos(pi * x) in IEEE + - * / only, so that its bits are the same in every engine (`Math.cos` is not).
 * Error below 2e-16 for |x| up to 2^31; 0, 1 and -1 where they are exact.
 */
export function cosPi(x: number): number {
  // Even, and 2 is its period; the remainder is exact.
  const turn = (x < 0 ? -x : x) % 2
  const half = turn > 1 ? 2 - turn : turn
  if (half === 0.5) return 0
  return half > 0.5 ? -firstQuarter(1 - half) : firstQuarter(half)
}

/** sin(pi * x), by the same rules. */
export function sinPi(x: number): number {
  if (x < 0) return -sinPi(-x)
  const turn = x % 2
  const sign = turn > 1 ? -1 : 1
  const rest = turn > 1 ? turn - 1 : turn
  const folded = rest > 0.5 ? 1 - rest : rest
  return folded === 0 ? 0 : sign * (folded <= 0.25 ? sineSeries(folded) : cosineSeries(0.5 - folded))
}

/** For 0 <= x < 1/2. */
function firstQuarter(x: number): number {
  return x <= 0.25 ? cosineSeries(x) : sineSeries(0.5 - x)
}

/** Taylor series up to the 18th power: below 1e-19 at a quarter. */
function cosineSeries(x: number): number {
  const angle = Math.PI * x
  const square = angle * angle
  let sum = 1
  for (let power = 18; power >= 2; power -= 2) sum = 1 - (square * sum) / (power * (power - 1))
  return sum
}

function sineSeries(x: number): number {
  const angle = Math.PI * x
  const square = angle * angle
  let sum = 1
  for (let power = 19; power >= 3; power -= 2) sum = 1 - (square * sum) / (power * (power - 1))
  return angle * sum
}
