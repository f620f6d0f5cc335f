import { describe, expect, it } from 'vitest'
import {
  type DenseBlock,
  denseAffine,
  denseOffset,
  denseScale,
  errorAgainst,
} from '../../../test/contracts/dense-search.ts'
import { BLOCK_KINDS, randomBlock, uniformSource } from '../../../test/contracts/random-blocks.ts'
import type { Effort } from '../../model/array-scheme.ts'
import { roundToF16 } from '../../numbers/f16.ts'
import { fitAffine, fitOffset, fitScale, prepareTable } from './index.ts'

/** Blocks a comparison: 10 in CI, more where the night asks for more cases. */
const BLOCKS = Math.ceil(Number(process.env.TERSOR_CASES ?? 300) / 30)

const INT4 = Float32Array.from({ length: 16 }, (_, i) => i - 8)
const INT2 = Float32Array.of(-2, -1, 0, 1)
/** Uneven, without symmetry and without a zero. */
const UNEVEN = Float32Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)

/** Sum of errors over sum of brute-force errors, and the largest ratio of one block. */
function distance(
  kind: (typeof BLOCK_KINDS)[number],
  length: number,
  weighted: boolean,
  fit: (block: DenseBlock) => [number, number],
  blocks = BLOCKS,
) {
  const next = uniformSource(length + kind.length)
  let sum = 0
  let denseSum = 0
  let worst = 0
  for (let b = 0; b < blocks; b++) {
    const values = randomBlock(kind, length, next)
    const weights = weighted ? Float32Array.from(values, () => (next() < 0.1 ? 0 : next() ** 2)) : undefined
    const [error, dense] = fit({ values, weights, round: roundToF16 })
    sum += error
    denseSum += dense
    if (dense > 0) worst = Math.max(worst, error / dense)
    else expect(error).toBe(0)
  }
  return { mean: sum / denseSum, worst }
}

const scaleErrors =
  (levels: Float32Array, effort: Effort, signed: boolean) =>
  (block: DenseBlock): [number, number] => {
    const table = prepareTable({ levels })
    const scale = fitScale(block.values as Float32Array, block.weights as Float32Array, table, {
      effort,
      signed,
      round: roundToF16,
    })
    const error = errorAgainst(
      block,
      Float64Array.from(levels, (level) => scale * level),
    )
    return [error, denseScale(block, levels, signed ? [1, -1] : [1])]
  }

const affineErrors =
  (maxCode: number, effort: Effort) =>
  (block: DenseBlock): [number, number] => {
    const { scale, zero } = fitAffine(block.values as Float32Array, block.weights as Float32Array, maxCode, {
      effort,
      round: roundToF16,
    })
    expect(Number.isInteger(zero) && zero >= 0 && zero <= maxCode).toBe(true)
    const error = errorAgainst(
      block,
      Float64Array.from({ length: maxCode + 1 }, (_, code) => scale * (code - zero)),
    )
    return [error, denseAffine(block, maxCode, 60)]
  }

const offsetErrors =
  (maxCode: number, effort: Effort) =>
  (block: DenseBlock): [number, number] => {
    const { scale, offset } = fitOffset(block.values as Float32Array, block.weights as Float32Array, maxCode, {
      effort,
      roundScale: roundToF16,
      roundOffset: roundToF16,
    })
    const error = errorAgainst(
      block,
      Float64Array.from({ length: maxCode + 1 }, (_, code) => scale * code + offset),
    )
    return [error, denseOffset(block, maxCode, 30, 24)]
  }

describe.each(BLOCK_KINDS)('distance from brute force, %s blocks', (kind) => {
  it.each([false, true])('exact scale is never above it (weighted %s)', (weighted) => {
    expect(distance(kind, 32, weighted, scaleErrors(INT4, 'exact', true)).worst).toBeLessThanOrEqual(1 + 1e-6)
    expect(distance(kind, 24, weighted, scaleErrors(UNEVEN, 'exact', true)).worst).toBeLessThanOrEqual(1 + 1e-6)
    expect(distance(kind, 40, weighted, scaleErrors(INT2, 'exact', false)).worst).toBeLessThanOrEqual(1 + 1e-6)
  })

  it.each([false, true])('exact zero and scale are never above it (weighted %s)', (weighted) => {
    expect(distance(kind, 32, weighted, affineErrors(15, 'exact')).worst).toBeLessThanOrEqual(1 + 1e-6)
    expect(distance(kind, 40, weighted, affineErrors(3, 'exact')).worst).toBeLessThanOrEqual(1 + 1e-6)
  })

  it.each([false, true])('exact offset is within 0.1 % of unrounded parameters (weighted %s)', (weighted) => {
    expect(distance(kind, 32, weighted, offsetErrors(15, 'exact')).mean).toBeLessThanOrEqual(1.001)
    expect(distance(kind, 32, weighted, offsetErrors(3, 'exact')).mean).toBeLessThanOrEqual(1.001)
  })

  it('fast is within 1 %', () => {
    expect(distance(kind, 32, false, scaleErrors(INT4, 'fast', true), 3 * BLOCKS).mean).toBeLessThanOrEqual(1.01)
    expect(distance(kind, 32, false, affineErrors(15, 'fast'), 3 * BLOCKS).mean).toBeLessThanOrEqual(1.01)
    expect(distance(kind, 32, false, offsetErrors(15, 'fast'), 3 * BLOCKS).mean).toBeLessThanOrEqual(1.01)
  })
})
