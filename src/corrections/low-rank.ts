import { TersorError } from '../errors.ts'
import { uniform } from '../numbers/rounding.ts'

/** Residual matrix ~ left (rows x rank) times right (rank x columns), both f32: 4 bytes an entry. */
export interface LowRankModel {
  readonly kind: 'low-rank'
  readonly rows: number
  readonly columns: number
  readonly rank: number
  /** rows x rank, row after row. */
  readonly left: Float32Array
  /** rank x columns, row after row; orthonormal rows before rounding to f32. */
  readonly right: Float32Array
  readonly byteLength: number
}

export interface LowRankOptions {
  /** 1: held out. The entry is then filled from the model of the round before, starting with 0. */
  readonly mask?: Uint8Array
  /** Rounds of subspace iteration, each with one filling of what is held out. */
  readonly rounds?: number
  readonly seed?: number
}

/**
 * The best approximation of rank r of a matrix's residual, by subspace iteration from a start that the seed decides (Halko,
 * Martinsson, Tropp 2011, arXiv:0909.4061, algorithm 4.4). With entries held out the missing ones are imputed by the model itself
 * (Mazumder, Hastie, Tibshirani 2010, hard-impute), so that the rest says what the model is worth on entries it never saw.
 * As a correction of quantized weights: Yao et al. 2023 (arXiv:2303.08302, LoRC). E_USAGE for ranks that the matrix does not have.
 */
export function fitLowRank(
  residual: Float32Array,
  columns: number,
  rank: number,
  options: LowRankOptions = {},
): LowRankModel {
  const rows = residual.length / columns
  if (!Number.isSafeInteger(rows) || !Number.isSafeInteger(rank) || rank < 1 || rank > Math.min(rows, columns)) {
    throw new TersorError(
      'E_USAGE',
      `expected a rank of 1 to ${Math.min(rows, columns)} for ${rows} x ${columns}, found ${rank}`,
    )
  }
  const { mask, rounds = 12, seed = 0 } = options
  const filled = Float64Array.from(residual, (value, i) => (mask?.[i] === 1 ? 0 : value))
  const right = new Float64Array(rank * columns)
  for (let i = 0; i < right.length; i += 1) right[i] = uniform(seed, i) - 0.5
  orthonormalize(right, rank, columns)
  let left = new Float64Array(rows * rank)
  for (let round = 0; round < rounds; round += 1) {
    left = timesTransposed(filled, right, rows, columns, rank)
    if (mask !== undefined && round > 0) fill(filled, mask, left, right, rows, columns, rank)
    transposedTimes(filled, left, rows, columns, rank, right)
    orthonormalize(right, rank, columns)
  }
  left = timesTransposed(filled, right, rows, columns, rank)
  return {
    kind: 'low-rank',
    rows,
    columns,
    rank,
    left: Float32Array.from(left),
    right: Float32Array.from(right),
    byteLength: 4 * rank * (rows + columns),
  }
}

/** Entry (row, column) of the model. */
export function lowRankAt({ left, right, rank, columns }: LowRankModel, row: number, column: number): number {
  let sum = 0
  for (let k = 0; k < rank; k += 1) sum += (left[row * rank + k] as number) * (right[k * columns + column] as number)
  return sum
}

/** matrix (rows x columns) times the transpose of basis (rank x columns). */
function timesTransposed(
  matrix: Float64Array,
  basis: Float64Array,
  rows: number,
  columns: number,
  rank: number,
): Float64Array<ArrayBuffer> {
  const result = new Float64Array(rows * rank)
  for (let row = 0; row < rows; row += 1) {
    for (let k = 0; k < rank; k += 1) {
      let sum = 0
      for (let column = 0; column < columns; column += 1) {
        sum += (matrix[row * columns + column] as number) * (basis[k * columns + column] as number)
      }
      result[row * rank + k] = sum
    }
  }
  return result
}

/** Transpose of left (rows x rank) times matrix, into `result` (rank x columns). */
function transposedTimes(
  matrix: Float64Array,
  left: Float64Array,
  rows: number,
  columns: number,
  rank: number,
  result: Float64Array,
): void {
  result.fill(0)
  for (let row = 0; row < rows; row += 1) {
    for (let k = 0; k < rank; k += 1) {
      const factor = left[row * rank + k] as number
      if (factor === 0) continue
      for (let column = 0; column < columns; column += 1) {
        const place = k * columns + column
        result[place] = (result[place] as number) + factor * (matrix[row * columns + column] as number)
      }
    }
  }
}

/** Modified Gram-Schmidt, twice; a row that depends on those before it becomes 0 and stays so. */
function orthonormalize(basis: Float64Array, rank: number, columns: number): void {
  for (let k = 0; k < rank; k += 1) {
    const own = basis.subarray(k * columns, (k + 1) * columns)
    const before = norm(own)
    for (let pass = 0; pass < 2; pass += 1) {
      for (let j = 0; j < k; j += 1) {
        const other = basis.subarray(j * columns, (j + 1) * columns)
        let dot = 0
        for (let i = 0; i < columns; i += 1) dot += (own[i] as number) * (other[i] as number)
        for (let i = 0; i < columns; i += 1) own[i] = (own[i] as number) - dot * (other[i] as number)
      }
    }
    const length = norm(own)
    if (length > 1e-12 * before) for (let i = 0; i < columns; i += 1) own[i] = (own[i] as number) / length
    else own.fill(0)
  }
}

function norm(vector: Float64Array): number {
  let sum = 0
  for (const value of vector) sum += value * value
  return Math.sqrt(sum)
}

function fill(
  matrix: Float64Array,
  mask: Uint8Array,
  left: Float64Array,
  right: Float64Array,
  rows: number,
  columns: number,
  rank: number,
): void {
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const place = row * columns + column
      if (mask[place] !== 1) continue
      let sum = 0
      for (let k = 0; k < rank; k += 1)
        sum += (left[row * rank + k] as number) * (right[k * columns + column] as number)
      matrix[place] = sum
    }
  }
}
