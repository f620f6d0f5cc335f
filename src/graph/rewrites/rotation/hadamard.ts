/**
 * Signs of Hadamard matrices: +1 and -1, rows orthogonal. Orders m * 2^k by Sylvester's doubling of a base of order m, which is 1 or, by Paley's
 * constructions from the squares modulo a prime q, q + 1 (q = 3 modulo 4) or 2 (q + 1) (q = 1 modulo 4).
 */

/** Larger bases cost more than the doublings that they save. */
const MOST_BASE = 256

/** Order of the smallest base from which doubling leads to `order`; null where there is none here. */
export function baseOrder(order: number): number | null {
  let found: number | null = null
  for (let base = order; Number.isSafeInteger(base) && base >= 1; base /= 2)
    if (base <= MOST_BASE && (base === 1 || paleyPrime(base) !== null)) found = base
  return found
}

/** The largest divisor of `size` that is the order of a matrix. */
export function largestOrder(size: number): number {
  for (let parts = 1; parts <= size; parts++)
    if (size % parts === 0 && baseOrder(size / parts) !== null) return size / parts
  return 1
}

/** The base as rows of signs. */
export function baseMatrix(order: number): Int8Array {
  if (order === 1) return Int8Array.of(1)
  const prime = paleyPrime(order) as number
  const conference = bordered(prime, prime % 4 === 3 ? -1 : 1)
  const size = prime + 1
  if (prime % 4 === 3) {
    // I + S with S turned into its negative by transposition.
    for (let i = 0; i < size; i++) conference[i * size + i] = 1
    return conference
  }
  const matrix = new Int8Array(order * order)
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) {
      const sign = conference[i * size + j] as number
      const [same, other] = i === j ? [1, -1] : [sign, sign]
      matrix[2 * i * order + 2 * j] = same
      matrix[2 * i * order + 2 * j + 1] = i === j ? -1 : other
      matrix[(2 * i + 1) * order + 2 * j] = i === j ? -1 : other
      matrix[(2 * i + 1) * order + 2 * j + 1] = -same
    }
  return matrix
}

function paleyPrime(order: number): number | null {
  if (order % 4 !== 0) return null
  if (isPrime(order - 1)) return order - 1
  const half = order / 2 - 1
  return half % 4 === 1 && isPrime(half) ? half : null
}

/** Zero diagonal, ones in the first row, `first` in the first column, and in the rest whether i - j is a square modulo the prime. */
function bordered(prime: number, first: 1 | -1): Int8Array {
  const squares = new Set<number>()
  for (let i = 1; i < prime; i++) squares.add((i * i) % prime)
  const size = prime + 1
  const matrix = new Int8Array(size * size)
  for (let i = 1; i < size; i++) {
    matrix[i] = 1
    matrix[i * size] = first
    for (let j = 1; j < size; j++)
      if (i !== j) matrix[i * size + j] = squares.has((((i - j) % prime) + prime) % prime) ? 1 : -1
  }
  return matrix
}

function isPrime(n: number): boolean {
  if (n < 2) return false
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false
  return true
}
