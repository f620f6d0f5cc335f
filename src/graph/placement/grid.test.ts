import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CODES, gridOf } from './grid.ts'

const OPEN = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY }

describe('grids of activations', () => {
  it('holds zero exactly and covers the range within a step', () => {
    const range = fc.tuple(
      fc.float({ min: -1000, max: 1000, noNaN: true }),
      fc.float({ min: 0, max: 1000, noNaN: true }),
    )
    fc.assert(
      fc.property(range, fc.constantFrom('u8' as const, 'i8' as const, 'u16' as const), ([low, width], type) => {
        const { scale, zero } = gridOf(low, low + width, type, OPEN)
        expect(scale).toBe(Math.fround(scale))
        expect(Number.isInteger(zero) && zero >= CODES[type].min && zero <= CODES[type].max).toBe(true)
        if (Math.max(0, low + width) - Math.min(0, low) < 1e-6) return
        expect((CODES[type].max - zero) * scale).toBeGreaterThan(low + width - scale)
        expect((CODES[type].min - zero) * scale).toBeLessThan(low + scale)
      }),
    )
  })

  it.each([6, 1, 0.1, 3.3, 5.999, 20, 127.7])('never passes a bound of %f, as float32', (bound) => {
    const { scale, zero } = gridOf(0, bound + 1, 'u8', { min: 0, max: bound })
    expect(zero).toBe(0)
    expect(Math.fround(255 * scale)).toBeLessThanOrEqual(bound)
    expect(255 * scale).toBeGreaterThan(bound * 0.99999)
    const both = gridOf(-bound, bound / 3, 'u8', { min: -bound, max: bound / 3 })
    expect(Math.fround(-both.zero * both.scale)).toBeGreaterThanOrEqual(-bound)
    expect(Math.fround((255 - both.zero) * both.scale)).toBeLessThanOrEqual(bound / 3)
  })

  it.each([
    [0, 0],
    [Number.NaN, 1],
    [-1e-30, 1e-30],
    [0, Number.POSITIVE_INFINITY],
  ])('gives a harmless grid for [%f, %f]', (min, max) => {
    const { scale, zero } = gridOf(min, max, 'u8', OPEN)
    expect(scale).toBeGreaterThan(1e-6)
    expect(zero).toBe(128)
  })
})
