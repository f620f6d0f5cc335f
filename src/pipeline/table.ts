import { tensorKey } from './tensor-key.ts'

/** Error and bytes of candidate schemes, measured on a sample of each tensor. Reusable for any budget. */
export interface Measured {
  /** Sum of squared errors over sum of squares, on the sample. */
  readonly relativeError: number
  readonly bitsPerWeight: number
}

export class Table {
  readonly #rows = new Map<string, Measured>()
  readonly #largest = new Map<string, number>()

  static key(scope: readonly string[], name: string, schemeId: string): string {
    return `${scope.join('\u0000')}\u0001${name}\u0001${schemeId}`
  }

  get(key: string): Measured | undefined {
    return this.#rows.get(key)
  }

  set(key: string, row: Measured): void {
    this.#rows.set(key, row)
  }

  /** Largest magnitude of a tensor; measured only where half precision is wished. */
  largest(scope: readonly string[], name: string): number | undefined {
    return this.#largest.get(tensorKey(scope, name))
  }

  setLargest(scope: readonly string[], name: string, magnitude: number): void {
    this.#largest.set(tensorKey(scope, name), magnitude)
  }

  get size(): number {
    return this.#rows.size
  }
}

/**
 * What one more bit a weight must buy, as a factor in squared error, when it goes into scales and zeros: 1.76 dB. A real code
 * bit buys 6.02 dB, but kernels have no widths between 2, 4 and 8, so smaller blocks and zeros are the only bits for sale.
 */
const METADATA_SLOPE = 1.5

/**
 * In large matrices scales and zeros cost time too (they are read on every product), so a bit must buy what a code bit
 * would: 6.02 dB.
 */
const LARGE_SLOPE = 4
const LARGE_ELEMENTS = 1 << 20

export const slopeFor = (elementCount: number): number =>
  elementCount >= LARGE_ELEMENTS ? LARGE_SLOPE : METADATA_SLOPE

/** The candidate with the best error per byte: b beats a when error_b * slope^(bits_b - bits_a) is smaller. */
export function cheapest<T extends { readonly measured: Measured }>(
  candidates: readonly T[],
  slope = METADATA_SLOPE,
): T {
  let best = candidates[0] as T
  for (const candidate of candidates.slice(1)) {
    const extraBits = candidate.measured.bitsPerWeight - best.measured.bitsPerWeight
    if (candidate.measured.relativeError * power(slope, extraBits) < best.measured.relativeError) best = candidate
  }
  return best
}

/** base^exponent for exponents that are multiples of 1/256, by square roots: IEEE exact steps, the same bits in every engine. */
function power(base: number, exponent: number): number {
  const negative = exponent < 0
  let left = negative ? -exponent : exponent
  let result = 1
  while (left >= 1) {
    result *= base
    left -= 1
  }
  let root = base
  for (let i = 0; i < 8; i++) {
    root = Math.sqrt(root)
    left *= 2
    if (left >= 1) {
      result *= root
      left -= 1
    }
  }
  return negative ? 1 / result : result
}
