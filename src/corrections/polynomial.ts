import { TersorError } from '../errors.ts'

/** Residual ~ sum of coefficients[k] * u^k, u = (decoded - center) / reach. Coefficients as f32, 4 bytes each. */
export interface PolynomialModel {
  readonly kind: 'polynomial'
  /** Middle and half width of the levels; known from the grid, so they cost nothing. */
  readonly center: number
  readonly reach: number
  /** Lowest power first. */
  readonly coefficients: Float32Array
  readonly byteLength: number
}

export const MOST_DEGREE = 3

/**
 * Least squares by normal equations in f64, over Chebyshev polynomials of u in [-1, 1] so that they are well conditioned, then
 * rewritten in powers. Degree 0 is the mean error, 1 the affine model. Values where `mask` is 1 are left out.
 * Where the decoded values are too few to tell the powers apart, the higher ones stay 0. E_USAGE for degrees beyond 3.
 */
export function fitPolynomial(
  values: Float32Array,
  decoded: Float32Array,
  degree: number,
  options: { readonly low: number; readonly high: number; readonly mask?: Uint8Array },
): PolynomialModel {
  if (!Number.isSafeInteger(degree) || degree < 0 || degree > MOST_DEGREE) {
    throw new TersorError('E_USAGE', `expected a degree of 0 to ${MOST_DEGREE}, found ${degree}`)
  }
  const { low, high, mask } = options
  const center = (low + high) / 2
  const reach = high > low ? (high - low) / 2 : 1
  const size = degree + 1
  const matrix = new Float64Array(size * size)
  const right = new Float64Array(size)
  const basis = new Float64Array(MOST_DEGREE + 1)
  for (let i = 0; i < values.length; i += 1) {
    if (mask?.[i] === 1) continue
    const at = ((decoded[i] as number) - center) / reach
    basis[0] = 1
    basis[1] = at
    basis[2] = 2 * at * at - 1
    basis[3] = (4 * at * at - 3) * at
    const residual = (values[i] as number) - (decoded[i] as number)
    for (let row = 0; row < size; row += 1) {
      right[row] = (right[row] as number) + (basis[row] as number) * residual
      for (let column = 0; column <= row; column += 1) {
        const place = row * size + column
        matrix[place] = (matrix[place] as number) + (basis[row] as number) * (basis[column] as number)
      }
    }
  }
  const [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = solveSymmetric(matrix, right, size)
  const powers = [c0 - c2, c1 - 3 * c3, 2 * c2, 4 * c3].slice(0, size)
  return { kind: 'polynomial', center, reach, coefficients: Float32Array.from(powers), byteLength: 4 * size }
}

/** Value of the model at a decoded value. */
export function polynomialAt({ center, reach, coefficients }: PolynomialModel, decoded: number): number {
  const at = (decoded - center) / reach
  let sum = 0
  for (let k = coefficients.length - 1; k >= 0; k -= 1) sum = sum * at + (coefficients[k] as number)
  return sum
}

/** Cholesky; a pivot that is lost in rounding gives its unknown the value 0. Only the lower triangle is read. */
function solveSymmetric(matrix: Float64Array, right: Float64Array, size: number): Float64Array {
  const lower = new Float64Array(size * size)
  const found = Float64Array.from(right)
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column <= row; column += 1) {
      let sum = matrix[row * size + column] as number
      for (let k = 0; k < column; k += 1) {
        sum -= (lower[row * size + k] as number) * (lower[column * size + k] as number)
      }
      const own = matrix[row * size + row] as number
      if (row === column) lower[row * size + row] = sum > 1e-12 * own ? Math.sqrt(sum) : 0
      else {
        const pivot = lower[column * size + column] as number
        lower[row * size + column] = pivot === 0 ? 0 : sum / pivot
      }
    }
  }
  for (let row = 0; row < size; row += 1) {
    let sum = found[row] as number
    for (let k = 0; k < row; k += 1) sum -= (lower[row * size + k] as number) * (found[k] as number)
    const pivot = lower[row * size + row] as number
    found[row] = pivot === 0 ? 0 : sum / pivot
  }
  for (let row = size - 1; row >= 0; row -= 1) {
    let sum = found[row] as number
    for (let k = row + 1; k < size; k += 1) sum -= (lower[k * size + row] as number) * (found[k] as number)
    const pivot = lower[row * size + row] as number
    found[row] = pivot === 0 ? 0 : sum / pivot
  }
  return found
}
