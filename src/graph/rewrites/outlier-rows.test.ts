import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { areNoneWorthKeeping, largestRows, MOST_ROWS, rowsWorthKeeping } from './outlier-rows.ts'

const columns = (...values: number[]): Float64Array => Float64Array.from(values)

describe('largestRows', () => {
  it('gives the largest first, the lower index first among equals, and not too many', () => {
    expect(largestRows(columns(1, 5, 3, 5)).slice(0, 4)).toEqual([1, 3, 2, 0])
    expect(largestRows(new Float64Array(100))).toEqual(Array.from({ length: MOST_ROWS }, (_, i) => i))
  })
})

describe('rowsWorthKeeping', () => {
  it('keeps rows that alone set the scales', () => {
    expect(rowsWorthKeeping(384, columns(1, 1, 1), [columns(9, 9, 9), columns(5, 5, 5), columns(1, 1, 1)])).toBe(2)
  })

  it('keeps none where all are alike', () => {
    expect(rowsWorthKeeping(384, columns(1, 1, 1), [columns(1.1, 1, 1), columns(1, 1.1, 1)])).toBe(0)
  })

  it('sees that two rows together hide a third', () => {
    expect(rowsWorthKeeping(384, columns(1, 1), [columns(9, 9), columns(9, 9), columns(1, 1)])).toBe(2)
  })

  it('keeps at most one row in 64', () => {
    expect(rowsWorthKeeping(100, columns(1, 1), [columns(9, 9), columns(5, 5)])).toBe(1)
    expect(rowsWorthKeeping(63, columns(1, 1), [columns(9, 9)])).toBe(0)
  })

  it('takes matrices of zeros', () => {
    expect(rowsWorthKeeping(384, columns(0, 0), [columns(0, 0)])).toBe(0)
  })
})

describe('areNoneWorthKeeping', () => {
  const most = (rows: readonly Float64Array[]): Float64Array =>
    columns(...[0, 1, 2, 3].map((n) => Math.max(...rows.map((row) => row[n] as number))))

  it('is right where it says so, on matrices with and without rows that stand out', () => {
    const size = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1, 3, 9))
    const row = fc.array(size, { minLength: 4, maxLength: 4 }).map((values) => columns(...values))
    let said = 0
    fc.assert(
      fc.property(row, fc.array(row, { minLength: 1, maxLength: 3 }), (rest, candidates) => {
        if (!areNoneWorthKeeping(most([rest, ...candidates]), candidates)) return
        said++
        expect(rowsWorthKeeping(384, rest, candidates)).toBe(0)
      }),
      { seed: 5, numRuns: 2000 },
    )
    expect(said).toBeGreaterThan(20)
  })

  it('leaves rows that stand out to a closer look', () => {
    const rows = [columns(9, 9, 9, 9), columns(1, 1, 1, 1)]
    expect(areNoneWorthKeeping(most(rows), rows.slice(0, 1))).toBe(false)
  })
})
