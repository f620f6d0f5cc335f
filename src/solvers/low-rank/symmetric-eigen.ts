/** Sweeps over all pairs; a few do for any matrix. */
const SWEEPS = 30

export interface Eigen {
  /** Largest first. */
  readonly values: Float64Array
  /** One vector a row, of length 1, in the order of the values. [size][size] */
  readonly vectors: Float64Array
}

/** Eigenvalues and vectors of a small symmetric matrix by turns in one plane after the other (Jacobi), in f64 with +, *, / and square roots alone: the same bits everywhere. */
export function symmetricEigen(given: Float64Array, size: number): Eigen {
  const matrix = given.slice()
  const turns = new Float64Array(size * size)
  for (let i = 0; i < size; i++) turns[i * size + i] = 1
  const at = (i: number, j: number): number => matrix[i * size + j] as number
  let total = 0
  for (const one of matrix) total += one * one
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let beside = 0
    for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) beside += at(i, j) ** 2
    if (!(beside > 1e-30 * total)) break
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        const between = at(p, q)
        if (between === 0) continue
        const theta = (at(q, q) - at(p, p)) / (2 * between)
        const tangent = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
        const cosine = 1 / Math.sqrt(tangent * tangent + 1)
        turn(matrix, size, p, q, cosine, tangent * cosine)
        turnRows(turns, size, p, q, cosine, tangent * cosine)
      }
    }
  }
  const order = Array.from({ length: size }, (_, i) => i).sort((a, b) => at(b, b) - at(a, a) || a - b)
  const vectors = new Float64Array(size * size)
  for (const [to, from] of order.entries()) vectors.set(turns.subarray(from * size, (from + 1) * size), to * size)
  return { values: Float64Array.from(order, (i) => at(i, i)), vectors }
}

/** Rows and columns p and q of a symmetric matrix. */
function turn(matrix: Float64Array, size: number, p: number, q: number, cosine: number, sine: number): void {
  turnRows(matrix, size, p, q, cosine, sine)
  for (let i = 0; i < size; i++) {
    const [a, b] = [matrix[i * size + p] as number, matrix[i * size + q] as number]
    matrix[i * size + p] = cosine * a - sine * b
    matrix[i * size + q] = sine * a + cosine * b
  }
}

function turnRows(matrix: Float64Array, size: number, p: number, q: number, cosine: number, sine: number): void {
  for (let i = 0; i < size; i++) {
    const [a, b] = [matrix[p * size + i] as number, matrix[q * size + i] as number]
    matrix[p * size + i] = cosine * a - sine * b
    matrix[q * size + i] = sine * a + cosine * b
  }
}
