import type { Kernels } from '../../model/kernels.ts'
import type { LowRank } from '../../model/low-rank.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { solveTensor } from '../solve.ts'

/** Rows of a matrix in codes of one scale a row, as whatever has met the rows' input would have them. */
export interface CodedRows {
  /** 0 .. 2^bits - 1. [rows][length] */
  readonly codes: Uint8Array
  readonly scales: Float32Array
}

export type CodeRows = (values: Float32Array, rows: number, length: number) => CodedRows | null

/** One scale a row, symmetric. */
export function factorSpec(bits: 4 | 8): IntegerSpec {
  return { family: 'integer', bits, granularity: { kind: 'channel' }, symmetric: true, scale: 'f32' }
}

/** Codes of rows by their own squared error. */
export function codeRowsAlone(bits: 4 | 8, kernels: Kernels): CodeRows {
  return (values, rows, length) => {
    const view = { stack: 1, channels: rows, depth: length, along: 'row' } as const
    return solveTensor(values, view, factorSpec(bits), 'search', kernels).quantized
  }
}

export interface FactorInput {
  /** [channels][depth] */
  readonly errors: Float32Array
  readonly channels: number
  readonly depth: number
  /** A of B A, [rank][depth]. */
  readonly rows: Float32Array
  readonly rank: number
  readonly bits: 4 | 8
  /** G r of rows r [count][depth]: second moments of the input, in one way for all; absent: the rows themselves. */
  readonly moved?: (rows: Float32Array) => Float32Array
  /** Codes of A as its input wants them. */
  readonly codeRows: CodeRows
  readonly kernels: Kernels
}

/**
 * Both factors in codes: first A, then B as least squares of the errors on the A that is stored, one component after the other, each
 * with what the rounding of those before has left undone. Null where the rows have no codes or nothing is left of them.
 */
export function codedFactors(input: FactorInput): LowRank | null {
  const { errors, channels, depth, rows, rank, bits, kernels } = input
  const coded = input.codeRows(rows, rank, depth)
  if (coded === null) return null
  const half = 2 ** (bits - 1)
  const stored = coded.codes.length === rows.length ? decoded(coded, rank, depth, half) : null
  if (stored === null) return null
  const moved = input.moved ? input.moved(stored) : stored
  // Normal equations: wanted [rank][channels] = A G E^T, gram [rank][rank] = A G A^T.
  const wanted = products(moved, errors, rank, channels, depth)
  const gram = products(moved, stored, rank, rank, depth)
  const ridge = 1e-9 * Math.max(...Array.from({ length: rank }, (_, j) => gram[j * rank + j] as number))
  if (!(ridge > 0)) return null
  const alone = codeRowsAlone(bits, kernels)
  const right = new Uint8Array(rank * channels)
  const scales = new Float32Array(rank)
  for (let j = 0; j < rank; j++) {
    const left = leastSquares(gram, wanted, j, rank, channels, ridge)
    if (left === null) return null
    const column = Float32Array.from(left.subarray(0, channels))
    const own = column.some((one) => one !== 0) ? alone(column, 1, channels) : null
    const by = own === null ? 0 : (own.scales[0] as number)
    const codes = own?.codes ?? new Uint8Array(channels).fill(half)
    right.set(codes, j * channels)
    scales[j] = Math.fround(by * (coded.scales[j] as number))
    // What is stored of this component is settled: the others take what it leaves.
    for (let i = j + 1; i < rank; i++) {
      const cross = gram[i * rank + j] as number
      for (let n = 0; n < channels; n++) {
        const at = i * channels + n
        wanted[at] = (wanted[at] as number) - cross * by * ((codes[n] as number) - half)
      }
    }
  }
  const left = new Uint8Array(depth * rank)
  for (let j = 0; j < rank; j++)
    for (let k = 0; k < depth; k++) left[k * rank + j] = coded.codes[j * depth + k] as number
  return { rank, bits, channels, depth, left, right, scales }
}

function decoded({ codes, scales }: CodedRows, rows: number, length: number, half: number): Float32Array {
  const values = new Float32Array(rows * length)
  for (let j = 0; j < rows; j++) {
    for (let k = 0; k < length; k++) {
      values[j * length + k] = (scales[j] as number) * ((codes[j * length + k] as number) - half)
    }
  }
  return values
}

/** a [rows][depth] times the transpose of b [others][depth]. */
function products(a: Float32Array, b: Float32Array, rows: number, others: number, depth: number): Float64Array {
  const made = new Float64Array(rows * others)
  for (let j = 0; j < rows; j++) {
    for (let n = 0; n < others; n++) {
      let sum = 0
      for (let k = 0; k < depth; k++) sum += (a[j * depth + k] as number) * (b[n * depth + k] as number)
      made[j * others + n] = sum
    }
  }
  return made
}

/** Solves gram x = wanted for the unknowns `first` and behind, by elimination from the last on; the row of `first` stands at the beginning. Null where it is singular. */
function leastSquares(
  gram: Float64Array,
  wanted: Float64Array,
  first: number,
  rank: number,
  channels: number,
  ridge: number,
): Float64Array | null {
  const size = rank - first
  const matrix = new Float64Array(size * size)
  const sides = wanted.slice(first * channels)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) matrix[i * size + j] = gram[(first + i) * rank + first + j] as number
    matrix[i * size + i] = (matrix[i * size + i] as number) + ridge
  }
  for (let pivot = size - 1; pivot >= 0; pivot--) {
    const by = matrix[pivot * size + pivot] as number
    if (!(by > 0)) return null
    for (let i = 0; i < pivot; i++) {
      const part = (matrix[i * size + pivot] as number) / by
      if (part === 0) continue
      for (let j = 0; j <= pivot; j++) {
        matrix[i * size + j] = (matrix[i * size + j] as number) - part * (matrix[pivot * size + j] as number)
      }
      for (let n = 0; n < channels; n++) {
        sides[i * channels + n] = (sides[i * channels + n] as number) - part * (sides[pivot * channels + n] as number)
      }
    }
  }
  const by = matrix[0] as number
  for (let n = 0; n < channels; n++) sides[n] = (sides[n] as number) / by
  return sides
}
