import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TersorError } from '../errors.ts'
import { type LevelRequest, levels } from './levels.ts'

function failure(request: LevelRequest): TersorError {
  try {
    levels(request)
  } catch (error) {
    if (error instanceof TersorError) return error
  }
  throw new Error(`expected a refusal of ${JSON.stringify(request)}`)
}

describe('levels', () => {
  test('the worked numbers of the article', () => {
    const eight = levels({ min: -1, max: 1, levels: 8 })
    expect(eight.step).toBeCloseTo(0.2857142857142857, 15)
    expect(eight).toMatchObject({ bits: 3, range: 2, levels: 8, codeRange: [0, 7], precision: 0.125 })
    expect(eight.errorBound).toBe(eight.step / 2)
    const bits = levels({ min: -1, max: 1, bits: 8 })
    expect(bits).toMatchObject({ precision: 0.00390625, levels: 256, codeRange: [0, 255], step: 2 / 255 })
  })

  test('grid points', () => {
    expect([...levels({ min: 0, max: 1, levels: 3 }).points()]).toEqual([0, 0.5, 1])
    expect([...levels({ min: -1, max: 1, levels: 2 }).points()]).toEqual([-1, 1])
    expect([...levels({ min: 5, max: 5, levels: 4 }).points()]).toEqual([5, 5, 5, 5])
    expect(levels({ min: 5, max: 5, bits: 4 })).toMatchObject({ step: 0, range: 0, errorBound: 0 })
    expect(levels({ min: 0, max: 1, bits: 16 }).points()).toHaveLength(65536)
  })

  test('ends exact, ascending, one step apart, mirrored where the range is', () => {
    const limit = fc.double({ min: -1e6, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(limit, limit, fc.integer({ min: 2, max: 1000 }), (a, b, count) => {
        const min = Math.min(a, b)
        const max = Math.max(a, b)
        const grid = levels({ min, max, levels: count })
        const points = grid.points()
        expect(points[0] === min && points[count - 1] === max).toBe(true)
        const slack = 1e-15 * Math.max(Math.abs(min), Math.abs(max)) + 1e-320
        for (let code = 1; code < count; code++) {
          expect(Math.abs(points[code]! - points[code - 1]! - grid.step)).toBeLessThanOrEqual(4 * slack)
        }
        expect(2 ** grid.bits).toBeGreaterThanOrEqual(count)
        expect(2 ** (grid.bits - 1)).toBeLessThan(count)
        const even = levels({ min: -Math.abs(a), max: Math.abs(a), levels: count }).points()
        for (let code = 0; code < count; code++) expect(even[code]! + even[count - 1 - code]!).toBe(0)
      }),
      { numRuns: 100 },
    )
  })

  test('32 bits have a step, but no list', () => {
    const grid = levels({ min: 0, max: 1, bits: 32 })
    expect(grid.step).toBe(1 / 4294967295)
    expect(grid.codeRange).toEqual([0, 4294967295])
    expect(() => grid.points()).toThrow(expect.objectContaining({ code: 'E_LIMIT' }))
  })

  test('what makes no sense is refused', () => {
    const range = { min: -1, max: 1 }
    const refused: LevelRequest[] = [
      { min: 1, max: -1, levels: 4 },
      { min: Number.NaN, max: 1, levels: 4 },
      { min: 0, max: Number.POSITIVE_INFINITY, levels: 4 },
      { min: -1.7e308, max: 1.7e308, levels: 4 },
      ...[1, 0, -3, 2.5, Number.NaN, 2 ** 33].map((count) => ({ ...range, levels: count })),
      ...[0, 33, -1, 1.5, Number.NaN].map((bits) => ({ ...range, bits })),
      range,
      { ...range, levels: 4, bits: 2 },
    ]
    for (const request of refused) expect(failure(request).code).toBe('E_USAGE')
    expect(failure({ ...range, bits: 33 }).message).toBe('expected 1 to 32 bits, found 33')
  })
})
