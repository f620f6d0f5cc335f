import { powerOfTwo } from '../numbers/power-of-two.ts'

/** e^x in IEEE + - * / only, so that its bits are the same in every engine (`Math.exp` is not). For |x| <= 200. */
export function exponential(x: number): number {
  const power = Math.floor(x * Math.LOG2E + 0.5)
  // The remainder is within ln 2 / 2; ln 2 in two parts keeps its last bits.
  const rest = x - power * 0.6931471803691238 - power * 1.9082149292705877e-10
  let sum = 1
  for (let factor = 13; factor >= 1; factor -= 1) sum = 1 + (rest * sum) / factor
  return sum * powerOfTwo(power)
}
