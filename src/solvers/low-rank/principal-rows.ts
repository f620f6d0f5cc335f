import { uniform } from '../../numbers/rounding.ts'
import { symmetricEigen } from './symmetric-eigen.ts'

/** Vectors more than asked for, so that the last ones are right, too. */
const SPARE = 6
const ROUNDS = 8
const SEED = 46

export interface PrincipalRows {
  /** Orthonormal, over the channels; the one that takes most of the error first. [count][channels] */
  readonly basis: Float64Array
  /** What each takes of the energy. */
  readonly energies: Float64Array
  /** Sum over rows of e^T G e. */
  readonly energy: number
}

/**
 * The first eigenvectors of E G E^T, for errors E [channels][depth] of a weight whose inputs have the second moments G: of all B A of rank r the
 * one with least E|(E - B A) x|^2 is B = these, A = B^T E (the truncated singular value decomposition of E G^(1/2) undone, as in EoRA, Liu et al. 2024;
 * with G = 1 that of E, as in LoRC, Yao et al. 2023). No root or inverse of G is taken. By subspace iteration (Halko, Martinsson, Tropp
 * 2011) in f64 and one order, so that every machine gives the same bits. `moved`: E G, [channels][depth].
 */
export function principalRows(
  errors: Float32Array,
  moved: Float32Array,
  channels: number,
  depth: number,
  most: number,
): PrincipalRows {
  let energy = 0
  for (let i = 0; i < errors.length; i++) energy += (errors[i] as number) * (moved[i] as number)
  const count = Math.min(most + SPARE, channels, depth)
  let basis = new Float64Array(count * channels)
  for (let i = 0; i < basis.length; i++) basis[i] = uniform(SEED, i) - 0.5
  orthonormalize(basis, count, channels)
  const turned = new Float64Array(count * depth)
  for (let round = 0; round < ROUNDS; round++) {
    timesRows(basis, moved, count, channels, depth, turned)
    basis = timesTurned(turned, errors, count, channels, depth)
    orthonormalize(basis, count, channels)
  }
  // What the matrix is in this small space says which vectors are which.
  timesRows(basis, moved, count, channels, depth, turned)
  const images = timesTurned(turned, errors, count, channels, depth)
  const small = new Float64Array(count * count)
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      let [sum, other] = [0, 0]
      for (let n = 0; n < channels; n++) {
        sum += (basis[i * channels + n] as number) * (images[j * channels + n] as number)
        other += (basis[j * channels + n] as number) * (images[i * channels + n] as number)
      }
      small[i * count + j] = (sum + other) / 2
      small[j * count + i] = (sum + other) / 2
    }
  }
  const { values, vectors } = symmetricEigen(small, count)
  const kept = Math.min(most, count)
  const sorted = new Float64Array(kept * channels)
  for (let i = 0; i < kept; i++) {
    for (let j = 0; j < count; j++) {
      const part = vectors[i * count + j] as number
      for (let n = 0; n < channels; n++) sorted[i * channels + n]! += part * (basis[j * channels + n] as number)
    }
  }
  return { basis: sorted, energies: values.slice(0, kept).map((one) => Math.max(0, one)), energy }
}

/** basis [count][channels] times rows [channels][depth], into [count][depth]. */
export function timesRows(
  basis: Float64Array,
  rows: Float32Array,
  count: number,
  channels: number,
  depth: number,
  into: Float64Array,
): void {
  into.fill(0)
  for (let n = 0; n < channels; n++) {
    const from = n * depth
    for (let i = 0; i < count; i++) {
      const part = basis[i * channels + n] as number
      const to = i * depth
      for (let k = 0; k < depth; k++) into[to + k] = (into[to + k] as number) + part * (rows[from + k] as number)
    }
  }
}

/** given [count][depth] times the transpose of rows [channels][depth]: [count][channels]. */
export function timesTurned(
  given: Float64Array,
  rows: Float32Array,
  count: number,
  channels: number,
  depth: number,
): Float64Array<ArrayBuffer> {
  const made = new Float64Array(count * channels)
  for (let n = 0; n < channels; n++) {
    const from = n * depth
    for (let i = 0; i < count; i++) {
      const own = i * depth
      let sum = 0
      for (let k = 0; k < depth; k++) sum += (given[own + k] as number) * (rows[from + k] as number)
      made[i * channels + n] = sum
    }
  }
  return made
}

/** Modified Gram-Schmidt, twice; a row that depends on those before it becomes 0. */
function orthonormalize(basis: Float64Array, count: number, length: number): void {
  for (let i = 0; i < count; i++) {
    const own = basis.subarray(i * length, (i + 1) * length)
    const before = norm(own)
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const other = basis.subarray(j * length, (j + 1) * length)
        let dot = 0
        for (let n = 0; n < length; n++) dot += (own[n] as number) * (other[n] as number)
        for (let n = 0; n < length; n++) own[n] = (own[n] as number) - dot * (other[n] as number)
      }
    }
    const now = norm(own)
    if (now > 1e-10 * before && now > 0) for (let n = 0; n < length; n++) own[n] = (own[n] as number) / now
    else own.fill(0)
  }
}

function norm(vector: Float64Array): number {
  let sum = 0
  for (const value of vector) sum += value * value
  return Math.sqrt(sum)
}
