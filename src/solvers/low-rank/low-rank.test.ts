import { describe, expect, test } from 'vitest'
import { createKernelsSync, createReferenceKernels } from '../../kernels/index.ts'
import { correctionBytes, leftByBits, mostRank, payingRank, type RankCosts } from './choose-rank.ts'
import { codedFactors, codeRowsAlone } from './coded-factors.ts'
import { lowRankRows } from './low-rank-rows.ts'
import { principalRows, timesRows } from './principal-rows.ts'
import { symmetricEigen } from './symmetric-eigen.ts'

const kernels = createKernelsSync()

function numbers(count: number, seed: number): Float64Array {
  let state = seed >>> 0
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
  return Float64Array.from({ length: count }, () => next() + next() + next() - 1.5)
}

/** a [rows][inner] times b [inner][columns]. */
function times(a: ArrayLike<number>, b: ArrayLike<number>, rows: number, inner: number, columns: number): Float64Array {
  const made = new Float64Array(rows * columns)
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++)
      for (let k = 0; k < inner; k++) made[i * columns + j]! += a[i * inner + k]! * b[k * columns + j]!
  return made
}

function turned(a: ArrayLike<number>, rows: number, columns: number): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, i) => a[(i % rows) * columns + Math.floor(i / rows)]!)
}

const [N, K] = [20, 14]
const errors = Float32Array.from(numbers(N * K, 3))
/** Inputs that mostly move in a few directions. */
const inputs = times(numbers(60 * 4, 5), numbers(4 * K, 6), 60, 4, K).map(
  (one, i) => one + 0.1 * numbers(60 * K, 7)[i]!,
)
const gram = times(turned(inputs, 60, K), inputs, K, 60, K).map((one) => one / 60)
const movedBy = (rows: ArrayLike<number>, count: number): Float32Array =>
  Float32Array.from(times(rows, gram, count, K, K))

function energyOf(rows: ArrayLike<number>): number {
  const moved = times(rows, gram, N, K, K)
  let sum = 0
  for (let i = 0; i < moved.length; i++) sum += moved[i]! * rows[i]!
  return sum
}

/** B A as `correctRows` makes it, before codes. */
function corrected(rank: number, moved: Float32Array): Float64Array {
  const { basis } = principalRows(errors, moved, N, K, rank)
  const rows = new Float64Array(rank * K)
  timesRows(basis, errors, rank, N, K, rows)
  return times(turned(basis, rank, N), rows, N, rank, K)
}

describe('the correction of least error', () => {
  test('is that of EoRA: errors in the eigenspace of the second moments, cut off there, and taken back', () => {
    for (const rank of [1, 3, 6]) {
      const { values, vectors } = symmetricEigen(gram, K)
      const roots = values.map(Math.sqrt)
      // E Q L^(1/2), its truncated singular value decomposition by the eigenvectors of its products, then L^(-1/2) Q^T.
      const inside = times(errors, turned(vectors, K, K), N, K, K).map((one, i) => one * roots[i % K]!)
      const { vectors: left } = symmetricEigen(times(inside, turned(inside, N, K), N, K, N), N)
      const first = left.subarray(0, rank * N)
      const cut = times(turned(first, rank, N), times(first, inside, rank, N, K), N, rank, K)
      const wanted = times(
        cut.map((one, i) => one / roots[i % K]!),
        vectors,
        N,
        K,
        K,
      )
      const found = corrected(rank, movedBy(errors, N))
      for (const [i, one] of found.entries()) expect(one).toBeCloseTo(wanted[i]!, 4)
    }
  })

  test('without data is the truncated singular value decomposition, as in LoRC', () => {
    const { values, vectors } = symmetricEigen(times(turned(errors, N, K), errors, K, N, K), K)
    const first = vectors.subarray(0, 4 * K)
    const wanted = times(times(errors, turned(first, 4, K), N, K, 4), first, N, 4, K)
    for (const [i, one] of corrected(4, errors).entries()) expect(one).toBeCloseTo(wanted[i]!, 4)
    const { energies, energy } = principalRows(errors, errors, N, K, 4)
    for (const [i, one] of energies.entries()) expect(one).toBeCloseTo(values[i]!, 4)
    expect(energy).toBeCloseTo(
      errors.reduce((sum, one) => sum + one * one, 0),
      4,
    )
  })

  test('errors of low rank vanish, and no error has no components', () => {
    const thin = Float32Array.from(times(numbers(N * 2, 11), numbers(2 * K, 12), N, 2, K))
    const { energies, energy } = principalRows(thin, thin, N, K, 4)
    expect(energies[0]! + energies[1]!).toBeCloseTo(energy, 6)
    expect(energies[2]!).toBeLessThan(1e-6 * energy)
    const none = principalRows(new Float32Array(N * K), new Float32Array(N * K), N, K, 4)
    expect(none.energy).toBe(0)
    expect(Array.from(none.energies)).toEqual([0, 0, 0, 0])
  })
})

describe('factors in codes', () => {
  const coded = (bits: 4 | 8, by = kernels, rank = 4) => {
    const { basis } = principalRows(errors, movedBy(errors, N), N, K, rank)
    const rows = new Float64Array(rank * K)
    timesRows(basis, errors, rank, N, K, rows)
    return codedFactors({
      ...{ errors, channels: N, depth: K, rank, bits, kernels: by },
      rows: Float32Array.from(rows),
      moved: (some) => movedBy(some, some.length / K),
      codeRows: codeRowsAlone(bits, by),
    })
  }

  test('take nearly all that factors in floats take', () => {
    const before = energyOf(errors)
    const left = (rows: ArrayLike<number>): number => energyOf(errors.map((one, i) => one - rows[i]!)) / before
    const exact = left(corrected(4, movedBy(errors, N)))
    expect(left(lowRankRows(coded(8)!))).toBeLessThan(exact + 0.002)
    expect(left(lowRankRows(coded(4)!))).toBeLessThan(exact + 0.03)
    expect(exact).toBeLessThan(0.2)
  })

  test('the same bits with TypeScript and SIMD kernels', () => {
    expect(coded(4, createReferenceKernels())).toEqual(coded(4))
  })

  test('values are in range, and what has no values has no factors', () => {
    const { left, right, scales } = coded(4)!
    expect(Math.max(...left, ...right)).toBeLessThan(16)
    expect(scales.every(Number.isFinite)).toBe(true)
    const zero = { errors: new Float32Array(N * K), channels: N, depth: K, rank: 2, bits: 8 as const, kernels }
    expect(codedFactors({ ...zero, rows: new Float32Array(2 * K), codeRows: codeRowsAlone(8, kernels) })).toBeNull()
  })
})

describe('the rank', () => {
  const costs: RankCosts = { elements: 4096, weightBytes: 2304, componentBytes: 68, fixedBytes: 390 }

  test('as asked for, or what fits the share of bytes', () => {
    expect(mostRank({ kind: 'rank', rank: 9 }, costs, 64, 64)).toBe(9)
    expect(mostRank({ kind: 'rank', rank: 9 }, costs, 8, 64)).toBe(8)
    expect(mostRank({ kind: 'share', share: 0.5 }, costs, 64, 64)).toBe(11)
    expect(mostRank({ kind: 'share', share: 0.05 }, costs, 64, 64)).toBe(0)
    expect(correctionBytes(0, costs)).toBe(0)
    expect(correctionBytes(2, costs)).toBe(526)
  })

  test('what pays takes more of the error than as many bytes of more bits', () => {
    expect(leftByBits(512, costs)).toBeCloseTo(0.25, 12)
    expect(leftByBits(1024, costs)).toBeCloseTo(0.0625, 12)
    const free = { ...costs, fixedBytes: 0 }
    const white = Float64Array.from({ length: 8 }, () => 1)
    expect(payingRank(white, 64, free)).toBe(0)
    const steep = Float64Array.of(40, 12, 4, 0.5, 0.4)
    expect(payingRank(steep, 60, free)).toBe(3)
    expect(payingRank(steep, 60, { ...free, fixedBytes: 4096 })).toBe(0)
  })
})
