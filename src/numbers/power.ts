/**
 * base^exponent for positive numbers and exponents from 0 to 1, by square roots alone: they are rounded alike on every machine, which
 * `Math.pow` is not. Within 1e-14.
 */
export function powerBySquareRoots(base: number, exponent: number): number {
  let [root, left, result] = [base, exponent, 1]
  if (exponent >= 1) return base
  for (let bit = 0; bit < 52 && left > 0; bit++) {
    root = Math.sqrt(root)
    left *= 2
    if (left < 1) continue
    result *= root
    left -= 1
  }
  return result
}
