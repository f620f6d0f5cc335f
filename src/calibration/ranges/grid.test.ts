import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CODES, coveredRange, type GridOptions, gridOfRange, rangeOfGrid } from './grid.ts'

const ranges = fc
  .tuple(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.float({ noNaN: true, noDefaultInfinity: true }))
  .map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) }))
const options = fc.record({ type: fc.constantFrom('u8', 'i8', 'u16', 'i16'), symmetric: fc.boolean() })

test('a grid has an f32 scale, a code for 0, and reaches within a step of both ends', () => {
  fc.assert(
    fc.property(ranges, options, (range, chosen) => {
      const wanted = chosen as GridOptions
      const { scale, zero } = gridOfRange(range, wanted)
      expect(scale).toBe(Math.fround(scale))
      expect(scale).toBeGreaterThan(0)
      const { low, high } = CODES[wanted.type]
      expect(Number.isInteger(zero) && zero >= low && zero <= high).toBe(true)
      if (wanted.symmetric) expect(zero).toBe((low + high + 1) / 2)
      const reached = rangeOfGrid({ scale, zero }, wanted.type)
      expect(reached.min).toBeLessThanOrEqual(range.min + 0.51 * scale)
      expect(reached.max).toBeGreaterThanOrEqual(range.max - 0.51 * scale)
    }),
    { seed: 4, numRuns: 1000 },
  )
})

test('the range that a grid covers gives the same grid again', () => {
  fc.assert(
    fc.property(ranges, options, (range, chosen) => {
      const wanted = chosen as GridOptions
      const grid = gridOfRange(range, wanted)
      fc.pre(range.min !== range.max || range.min !== 0)
      expect(gridOfRange(coveredRange(grid, wanted), wanted)).toEqual(grid)
    }),
    { seed: 4, numRuns: 1000 },
  )
})

describe('ends', () => {
  test.each([
    [{ min: 0, max: 6 }, 'u8', false, Math.fround(6 / 255), 0],
    [{ min: 0, max: 6 }, 'i8', false, Math.fround(6 / 255), -128],
    [{ min: -1, max: 1 }, 'i8', true, Math.fround(1 / 127), 0],
    [{ min: -1, max: 0.5 }, 'u8', true, Math.fround(1 / 127), 128],
    [{ min: 2, max: 6 }, 'u16', false, Math.fround(6 / 65535), 0],
    [{ min: -6, max: -2 }, 'i16', false, Math.fround(6 / 65535), 32767],
    [{ min: 0, max: 0 }, 'u8', false, 1, 128],
    [{ min: 0, max: 0 }, 'i8', true, 1, 0],
    [{ min: 0, max: 1e-45 }, 'u8', false, 2 ** -126, 0],
  ] as const)('%o as %s, symmetric %s', (range, type, symmetric, scale, zero) => {
    expect(gridOfRange(range, { type, symmetric })).toEqual({ scale, zero })
  })

  test.each([
    { min: 1, max: 0 },
    { min: Number.NaN, max: 1 },
    { min: 0, max: Number.POSITIVE_INFINITY },
  ])('%o is refused', (range) => {
    expect(() => gridOfRange(range, { type: 'u8', symmetric: false })).toThrow(
      expect.objectContaining({ code: 'E_USAGE' }),
    )
  })
})
