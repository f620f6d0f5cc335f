import { describe, expect, it } from 'vitest'
import { randomBlock, uniformSource } from '../../../test/contracts/random-blocks.ts'
import type { Effort } from '../../model/array-scheme.ts'
import { roundToF16 } from '../../numbers/f16.ts'
import { fitAffine, fitOffset, fitScale, nearestLevel, prepareTable } from './index.ts'

const { fround } = Math
const EFFORTS: Effort[] = ['closed', 'fast', 'exact']
const INT4 = prepareTable({ levels: Float32Array.from({ length: 16 }, (_, i) => i - 8) })
const none = undefined

function tableError(values: Float32Array, levels: Float32Array, scale: number): number {
  let error = 0
  for (const x of values) error += Math.min(...Array.from(levels, (level) => (x - scale * level) ** 2))
  return error
}

describe('closed forms', () => {
  const fit = (values: number[], signed: boolean) =>
    fitScale(Float32Array.from(values), none, INT4, { effort: 'closed', signed, round: fround })

  it('unsigned: nothing lies beyond the last levels', () => {
    expect(fit([7, -3], false)).toBe(1)
    expect(fit([1, -8], false)).toBe(1)
    expect(fit([14, -8], false)).toBe(2)
  })

  it('signed: the extreme takes the longer side', () => {
    expect(fit([8, -3], true)).toBe(-1)
    expect(fit([3, -8], true)).toBe(1)
  })

  it('affine and offset take the extremes', () => {
    const values = Float32Array.of(-3, 12, 1)
    expect(fitAffine(values, none, 15, { effort: 'closed', round: fround })).toEqual({ scale: 1, zero: 3 })
    const float = { effort: 'closed', roundScale: fround, roundOffset: fround } as const
    expect(fitOffset(values, none, 15, float)).toEqual({ scale: 1, offset: -3 })
    expect(fitAffine(Float32Array.of(3, 15), none, 15, { effort: 'closed', round: fround })).toEqual({
      scale: 1,
      zero: 0,
    })
    expect(fitAffine(Float32Array.of(-15), none, 15, { effort: 'closed', round: fround })).toEqual({
      scale: 1,
      zero: 15,
    })
  })
})

describe.each(EFFORTS)('any block (%s)', (effort) => {
  const float = { effort, roundScale: fround, roundOffset: fround }
  it.each([
    [[]],
    [[0]],
    [[-0, 0]],
    [[5]],
    [[-5, -5, -5]],
    [[1e-45, -1e-45]],
    [[3e38, -3e38, 1]],
    [[3.4e38]],
    [[1e30, 1, 1, 1]],
    [[1, 2, 3, 4, 5, 6, 7, 8]],
  ])('%j', (list) => {
    const values = Float32Array.from(list)
    const largest = Math.max(0, ...list.map(Math.abs))
    const scale = fitScale(values, none, INT4, { effort, signed: true, round: fround })
    const affine = fitAffine(values, none, 15, { effort, round: fround })
    const offset = fitOffset(values, none, 15, float)
    for (const number of [scale, affine.scale, affine.zero, offset.scale, offset.offset]) {
      expect(Number.isFinite(number)).toBe(true)
    }
    expect(affine.scale >= 0 && offset.scale >= 0 && Number.isInteger(affine.zero)).toBe(true)
    if (largest === 0) expect([scale, affine.scale, offset.scale]).toEqual([0, 0, 0])
    if (list.every((x) => x === list[0])) expect(offset).toEqual({ scale: 0, offset: values[0] ?? 0 })
  })

  it('never chooses what the stored type does not hold', () => {
    const values = Float32Array.of(3e38, -1e38, 7e5)
    const round = roundToF16
    expect(fitScale(values, none, INT4, { effort, signed: true, round })).toSatisfy(Number.isFinite)
    expect(fitAffine(values, none, 15, { effort, round }).scale).toSatisfy(Number.isFinite)
    const offset = fitOffset(values, none, 15, { effort, roundScale: round, roundOffset: round })
    expect(offset.scale).toSatisfy(Number.isFinite)
    expect(offset.offset).toSatisfy(Number.isFinite)
  })

  it('takes weights that are all zero as none', () => {
    const values = randomBlock('gaussian', 32, uniformSource(1))
    const options = { effort, signed: true, round: fround }
    const zeros = new Float32Array(32)
    expect(fitScale(values, zeros, INT4, options)).toBe(fitScale(values, none, INT4, options))
    expect(fitAffine(values, zeros, 15, options)).toEqual(fitAffine(values, none, 15, options))
    expect(fitOffset(values, zeros, 15, float)).toEqual(fitOffset(values, none, 15, float))
  })
})

describe('exact scale', () => {
  it('is the best of the numbers a small type holds', () => {
    const next = uniformSource(5)
    const scales = Float32Array.from({ length: 40 }, (_, i) => 2 ** ((i >> 2) - 6) * (1 + (i & 3) / 4))
    for (let b = 0; b < 40; b++) {
      const values = randomBlock(b % 2 ? 't5' : 'gaussian', 24, next)
      // Not to the nearest, as e8m0 rounds.
      const round = (x: number) => scales.findLast((s) => s <= x) ?? scales[0]!
      const found = fitScale(values, none, INT4, { effort: 'exact', signed: false, round, scales })
      const least = Math.min(...Array.from(scales, (s) => tableError(values, INT4.levels, s)))
      expect(tableError(values, INT4.levels, found)).toBeCloseTo(least, 9)
    }
  })

  it('goes through many values in windows', () => {
    const values = randomBlock('t5', 60_000, uniformSource(9))
    const scale = fitScale(values, none, INT4, { effort: 'exact', signed: false, round: fround })
    const error = (s: number) => {
      let sum = 0
      for (const x of values) sum += (x - s * INT4.levels[nearestLevel(INT4, x / s)]!) ** 2
      return sum
    }
    const found = error(scale)
    for (let part = 0.2; part < 2; part += 0.02) expect(found).toBeLessThanOrEqual(error(scale * part) * (1 + 1e-12))
    const affine = fitAffine(values, none, 15, { effort: 'exact', round: fround })
    let sum = 0
    for (const x of values) {
      const code = Math.min(15, Math.max(0, Math.floor(x / affine.scale + affine.zero + 0.5)))
      sum += (x - affine.scale * (code - affine.zero)) ** 2
    }
    expect(sum).toBeLessThanOrEqual(found * (1 + 1e-12))
  })

  it('keeps apart values that no weight counts', () => {
    const values = Float32Array.of(1, 2, 3, 1000, -7)
    const weights = Float32Array.of(1, 1, 1, 0, 1)
    expect(fitScale(values, weights, INT4, { effort: 'exact', signed: false, round: fround })).toBeCloseTo(1, 6)
    const { scale, offset } = fitOffset(values, weights, 15, {
      effort: 'exact',
      roundScale: fround,
      roundOffset: fround,
    })
    for (const x of [1, 2, 3, -7]) {
      const code = Math.floor((x - offset) / scale + 0.5)
      expect(offset + scale * code).toBeCloseTo(x, 5)
    }
  })

  it('survives weights far apart', () => {
    const values = Float32Array.of(1, -1, 0.5, 1e30)
    const weights = Float32Array.of(1, 1, 1, 1e-38)
    for (const maxCode of [3, 15, 255]) {
      const { scale } = fitAffine(values, weights, maxCode, { effort: 'exact', round: fround })
      expect(scale > 0 && Number.isFinite(scale)).toBe(true)
    }
  })
})
