import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { uniform } from '../numbers/rounding.ts'
import {
  absorbMeanErrors,
  encodeNearest,
  encodeWithDiffusion,
  encodeWithFeedback,
  gridQuantizer,
  gridWithZero,
  meanErrors,
  refitAndRecode,
  refitGrid,
  refitScale,
  residualFigures,
  squaredError,
  tableQuantizer,
} from './index.ts'

const drawn = (count: number, seed = 1): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => 2 * uniform(seed, i) - 1)
const GRID = { scale: Math.fround(2 / 7), offset: -1, maxCode: 7 }
const values = fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 200 })

describe('quantizers', () => {
  test('a grid: nearest code, ties to even, ends beyond the range', () => {
    const quantizer = gridQuantizer({ scale: 0.5, offset: 0, maxCode: 7 })
    expect([-9, 0, 0.2, 0.25, 0.75, 1.3, 99].map(quantizer.code)).toEqual([0, 0, 0, 0, 2, 3, 7])
    expect(quantizer.value(3)).toBe(1.5)
    expect(gridWithZero(0.5, 4, 7)).toEqual({ scale: 0.5, offset: -2, maxCode: 7 })
    expect(gridQuantizer({ scale: 0, offset: 3, maxCode: 7 }).code(5)).toBe(0)
  })

  test('a table finds what a search over all levels finds, and its ties go down', () => {
    const levels = Float32Array.of(-1, -0.25, 0, 0.1, 0.9)
    const quantizer = tableQuantizer(levels)
    expect(quantizer.halfGap).toBeCloseTo(0.4, 6)
    expect(quantizer.code(-0.625)).toBe(0)
    for (const value of drawn(500)) {
      const away = [...levels].map((level) => Math.abs(level - value))
      expect(quantizer.code(value)).toBe(away.indexOf(Math.min(...away)))
    }
  })

  test.each([
    { scale: -1, offset: 0, maxCode: 7 },
    { scale: 1, offset: Number.NaN, maxCode: 7 },
    { scale: 1, offset: 0, maxCode: 0 },
  ])('no grid: %j', (grid) => expect(() => gridQuantizer(grid)).toThrow('expected a finite scale'))

  test('no table: equal levels', () => expect(() => tableQuantizer(Float32Array.of(0, 0, 1))).toThrow('ascending'))
})

describe('mean error', () => {
  test('lowers the mean squared error by its own square, group by group', () => {
    const given = drawn(96)
    const floored = given.map((value) => GRID.scale * Math.floor((value + 1) / GRID.scale) - 1)
    const means = meanErrors(given, floored, 32)
    expect(means).toHaveLength(3)
    for (const [group, mean] of means.entries()) {
      const part = (array: Float32Array) => array.subarray(32 * group, 32 * group + 32)
      const before = residualFigures(part(given), part(floored), 32)
      const after = residualFigures(part(given), part(absorbMeanErrors(floored, means)), 32)
      expect(after.rms ** 2).toBeCloseTo(before.rms ** 2 - mean ** 2, 8)
      expect(after.mean).toBeCloseTo(0, 7)
    }
    // Rounding down loses half a step on average.
    expect(
      meanErrors(
        drawn(50_000),
        drawn(50_000).map((v) => v - GRID.scale / 2),
        50_000,
      )[0],
    ).toBeCloseTo(1 / 7, 6)
  })
})

describe('error feedback', () => {
  test('the sum of errors over any run stays within one gap, single errors too', () => {
    fc.assert(
      fc.property(values, (list) => {
        const given = Float32Array.from(list)
        const { decoded } = encodeWithFeedback(given, given.length, gridQuantizer(GRID))
        const sums = [0]
        for (const [i, value] of given.entries()) sums.push(sums[i]! + value - decoded[i]!)
        expect(Math.max(...sums) - Math.min(...sums)).toBeLessThanOrEqual(GRID.scale * 1.000001)
        for (const [i, value] of given.entries()) {
          expect(Math.abs(value - decoded[i]!)).toBeLessThanOrEqual(GRID.scale * 1.000001)
        }
      }),
    )
  })

  test('means over runs are far better than by rounding each, single values worse', () => {
    const given = drawn(4096)
    const quantizer = gridQuantizer(GRID)
    const plain = residualFigures(given, encodeNearest(given, quantizer).decoded, 256)
    const fed = residualFigures(given, encodeWithFeedback(given, 256, quantizer).decoded, 256)
    expect(fed.runRms).toBeLessThan(plain.runRms! / 2)
    expect(fed.rms ** 2 / plain.rms ** 2).toBeGreaterThan(1.8)
    expect(fed.rms ** 2 / plain.rms ** 2).toBeLessThan(2.2)
  })

  test('rows do not touch one another, and a clipped value does not shift those after it', () => {
    const given = drawn(64)
    const other = Float32Array.from(given)
    other[3] = 50
    const quantizer = gridQuantizer(GRID)
    const [a, b] = [encodeWithFeedback(given, 16, quantizer), encodeWithFeedback(other, 16, quantizer)]
    expect([...a.codes.subarray(16)]).toEqual([...b.codes.subarray(16)])
    for (let i = 4; i < 16; i++) expect(Math.abs(b.codes[i]! - a.codes[i]!)).toBeLessThanOrEqual(1)
  })

  test('values on levels stay what they are', () => {
    const quantizer = tableQuantizer(Float32Array.of(-1, 0, 0.5, 2))
    const given = Float32Array.of(2, -1, 0, 0.5, 0.5, 2)
    expect(encodeWithFeedback(given, 6, quantizer).decoded).toEqual(given)
    expect(encodeWithDiffusion(given, 3, quantizer).decoded).toEqual(given)
  })
})

describe('diffusion', () => {
  test('a flat grey between two levels keeps its mean, which rounding loses', () => {
    const grey = new Float32Array(64 * 64).fill(0.3)
    const quantizer = gridQuantizer({ scale: 1, offset: 0, maxCode: 1 })
    const { codes } = encodeWithDiffusion(grey, 64, quantizer)
    const share = codes.reduce((sum, code) => sum + code, 0) / codes.length
    expect(share).toBeGreaterThan(0.28)
    expect(share).toBeLessThan(0.32)
    expect(encodeNearest(grey, quantizer).codes.every((code) => code === 0)).toBe(true)
  })

  test('the weights: what one value leaves goes to the four after it', () => {
    const given = new Float32Array(9)
    given[1] = 0.5
    const seen: number[] = []
    const spy = { code: (value: number) => seen.push(value) * 0, value: () => 0, halfGap: 0.5 }
    encodeWithDiffusion(given, 3, spy)
    expect(seen[2]).toBeCloseTo((0.5 * 7) / 16, 12)
    // Below left; below: 5/16 of it, 3/16 of its right neighbour and 7/16 of what its left neighbour then holds.
    expect(seen[3]).toBeCloseTo((0.5 * 3) / 16, 8)
    expect(seen[4]).toBeCloseTo((0.5 * 5) / 16 + (seen[2]! * 3) / 16 + (seen[3]! * 7) / 16, 12)
  })

  test('means over tiles are better than by rounding each', () => {
    const given = drawn(64 * 64, 5)
    const quantizer = gridQuantizer(GRID)
    const plain = residualFigures(given, encodeNearest(given, quantizer).decoded, 64)
    const spread = residualFigures(given, encodeWithDiffusion(given, 64, quantizer).decoded, 64)
    expect(spread.tileRms).toBeLessThan(plain.tileRms! / 1.5)
    expect(spread.max).toBeLessThanOrEqual(GRID.scale * 1.000001)
  })
})

describe('refit', () => {
  test('finds the line that the codes came from, whatever the grid before', () => {
    const codes = Uint16Array.from({ length: 64 }, (_, i) => i % 8)
    const given = Float32Array.from(codes, (code) => 0.25 * code - 0.75)
    expect(refitGrid(given, codes, GRID)).toEqual({ scale: 0.25, offset: -0.75, maxCode: 7 })
    expect(refitScale(given, codes, 3)).toBe(0.25)
  })

  test('never worse, for any codes and importance; nothing nearby is better', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 1000 }), (list, seed) => {
        const given = Float32Array.from(list)
        const codes = Uint16Array.from(list, (_, i) => Math.floor(8 * uniform(seed, i)))
        const importance = Float32Array.from(list, (_, i) => uniform(seed + 1, i))
        const fitted = refitGrid(given, codes, GRID, importance)
        const error = squaredError(given, codes, fitted, importance)
        expect(error).toBeLessThanOrEqual(squaredError(given, codes, GRID, importance))
        if (fitted === GRID) return
        for (const [scale, offset] of [
          [1.01, 0],
          [0.99, 0],
          [1, 0.01],
          [1, -0.01],
        ] as const) {
          const moved = { ...fitted, scale: fitted.scale * scale, offset: fitted.offset + offset }
          expect(error).toBeLessThanOrEqual(squaredError(given, codes, moved, importance) + 1e-6)
        }
      }),
    )
  })

  test('equal codes keep the grid; other lengths are refused', () => {
    expect(refitGrid(drawn(8), new Uint16Array(8), GRID)).toBe(GRID)
    expect(() => refitGrid(drawn(8), new Uint16Array(7), GRID)).toThrow('a code a value')
    expect(refitScale(drawn(8), new Uint16Array(8).fill(3), 3)).toBe(0)
  })

  test('in turns with new codes it ends, at least as good as before', () => {
    const given = Float32Array.from(drawn(1000), (value) => value * value * value)
    const before = squaredError(given, encodeNearest(given, gridQuantizer(GRID)).codes, GRID)
    const after = refitAndRecode(given, GRID)
    expect(after.rounds).toBeGreaterThan(0)
    expect(squaredError(given, after.codes, after.grid)).toBeLessThan(before * 0.95)
  })
})

test('figures: runs, tiles and rows that do not divide', () => {
  const zeros = new Float32Array(64)
  const errors = Float32Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? -1 : 1))
  expect(residualFigures(zeros, errors, 16)).toEqual({
    max: 1,
    rms: 1,
    mean: 0,
    relative: Number.POSITIVE_INFINITY,
    runRms: 0,
    tileRms: 0,
  })
  expect(
    residualFigures(
      zeros,
      zeros.map(() => 2),
      16,
    ),
  ).toMatchObject({ mean: -2, runRms: 2, tileRms: 2 })
  expect(() => residualFigures(zeros, errors, 7)).toThrow('rows that divide 64')
  expect(() => residualFigures(zeros, errors.subarray(1), 16)).toThrow('found 63')
  expect(residualFigures(new Float32Array(0), new Float32Array(0), 0).rms).toBe(0)
})
