import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { distributionOf, gaussian, laplacian, uniforms } from '../../../test/fixtures/distribution.ts'
import { binsOf } from './distribution.ts'
import { CODES, type Grid, type GridOptions, type GridType, gridOfRange } from './grid.ts'
import { energyOf, quantizationError } from './quantization-error.ts'
import { mseRange, sqnrRange } from './search.ts'

/** Squared error of the values themselves. */
function trueError(values: Float32Array, { scale, zero }: Grid, type: GridType): number {
  const { low, high } = CODES[type]
  let sum = 0
  for (const value of values) {
    const code = Math.min(Math.max(Math.floor(value / scale + 0.5) + zero, low), high)
    sum += (value - scale * (code - zero)) ** 2
  }
  return sum
}

describe('error of a grid', () => {
  test('is the integral over evenly spread values', () => {
    const spec = fc.record({
      values: fc.array(fc.float({ noNaN: true, min: -8, max: 8 }), { minLength: 1, maxLength: 10 }),
      min: fc.double({ min: -10, max: 0, noNaN: true }),
      max: fc.double({ min: 0.01, max: 10, noNaN: true }),
    })
    fc.assert(
      fc.property(spec, ({ values, min, max }) => {
        const distribution = distributionOf(Float32Array.from(values), 64)
        const bins = binsOf(distribution)
        const grid = gridOfRange({ min, max }, { type: 'u8', symmetric: false })
        const parts = 4000
        let sum = 0
        for (let bin = 0; bin < bins.count.length; bin++) {
          const width = bins.to[bin]! - bins.from[bin]!
          for (let part = 0; part < parts; part++) {
            const value = bins.from[bin]! + (width * (part + 0.5)) / parts
            const code = Math.min(Math.max(Math.floor(value / grid.scale + 0.5) + grid.zero, 0), 255)
            sum += ((value - grid.scale * (code - grid.zero)) ** 2 * bins.count[bin]!) / parts
          }
        }
        const { rounding, clipping } = quantizationError(bins, grid, 'u8')
        expect(Math.abs(rounding + clipping - sum)).toBeLessThanOrEqual(0.002 * sum + 1e-9)
      }),
      { seed: 4, numRuns: 150 },
    )
  })

  test('of real values, estimated from their histogram', () => {
    const values = gaussian(20_000, 5)
    const bins = binsOf(distributionOf(values))
    for (const max of [0.5, 1, 2, 4]) {
      const grid = gridOfRange({ min: -max, max }, { type: 'u8', symmetric: false })
      const { rounding, clipping } = quantizationError(bins, grid, 'u8')
      expect((rounding + clipping) / trueError(values, grid, 'u8')).toBeCloseTo(1, 1)
    }
    expect(energyOf(bins) / values.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 4)
  })
})

const DATA: readonly (readonly [string, Float32Array])[] = [
  ['gaussian', gaussian(4000, 1)],
  ['laplacian', laplacian(4000, 2)],
  ['laplacian, off centre', laplacian(4000, 3).map((value) => value + 2)],
  ['relu', gaussian(4000, 4).map((value) => Math.max(value, 0))],
  ['relu6', gaussian(4000, 5, 4).map((value) => Math.min(Math.max(value, 0), 6))],
  ['silu', gaussian(4000, 6, 3).map((value) => value / (1 + Math.exp(-value)))],
  ['outliers', gaussian(4000, 7).map((value, index) => (index % 1000 === 0 ? value * 200 : value))],
  ['all below 0', gaussian(4000, 9).map((value) => -Math.abs(value) - 1)],
]
const OPTIONS: readonly GridOptions[] = [
  { type: 'u8', symmetric: false },
  { type: 'i8', symmetric: true },
  { type: 'u16', symmetric: false },
]

describe.each(DATA)('least error of %s', (_, values) => {
  test.each(OPTIONS)('$type, symmetric $symmetric', (options) => {
    const distribution = distributionOf(values)
    const error = (range: { min: number; max: number }): number =>
      trueError(values, gridOfRange(range, options), options.type)
    const found = error(mseRange(distribution, options))
    const [min, max] = [Math.min(distribution.min, 0), Math.max(distribution.max, 0)]
    const steps = 24
    let least = error({ min, max })
    for (let i = 1; i <= steps; i++) {
      for (let j = options.symmetric ? i : 1; j <= (options.symmetric ? i : steps); j++) {
        least = Math.min(least, error({ min: (min * i) / steps, max: (max * j) / steps }))
      }
    }
    expect(found).toBeLessThanOrEqual(least * 1.03 + 1e-12)
  })
})

test('an outlier among many is cut off on its side only', () => {
  const values = gaussian(400_000, 8)
  const whole = mseRange(distributionOf(values), { type: 'u8', symmetric: false })
  values[5] = 30
  const { min, max } = mseRange(distributionOf(values), { type: 'u8', symmetric: false })
  expect(max).toBeLessThan(30)
  expect(min).toBeCloseTo(whole.min, 0)
})

test('clipping that counts more gives wider ranges', () => {
  const values = laplacian(20_000, 11)
  const distribution = distributionOf(values)
  const options = { type: 'i8', symmetric: true } as const
  const widths = [1, 3, 30, 1e6].map((clipWeight) => sqnrRange(distribution, { ...options, clipWeight }).max)
  expect(widths[0]).toBe(mseRange(distribution, options).max)
  expect(widths).toEqual(widths.slice().sort((a, b) => a - b))
  expect(widths.at(-1)! / distribution.max).toBeGreaterThan(0.9)
})

test('constants, zeros and the ends of f32', () => {
  const options = { type: 'u8', symmetric: false } as const
  for (const value of [0, 1, -3, 3.4e38, -3.4e38, 1e-45]) {
    const range = mseRange(distributionOf(Float32Array.of(value, value)), options)
    const { scale, zero } = gridOfRange(range, options)
    const code = Math.min(Math.max(Math.floor(value / scale + 0.5) + zero, 0), 255)
    expect(Math.abs(scale * (code - zero) - value)).toBeLessThanOrEqual(Math.abs(value) * 0.01 + 1e-38)
  }
})

test('the same bits on every run', () => {
  const next = uniforms(9)
  const values = Float32Array.from({ length: 500 }, () => next() ** 8)
  const once = mseRange(distributionOf(values), { type: 'u8', symmetric: false })
  const again = mseRange(distributionOf(values.slice().reverse()), { type: 'u8', symmetric: false })
  expect(again).toEqual(once)
})
