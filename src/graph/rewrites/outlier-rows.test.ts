import { describe, expect, it } from 'vitest'
import { largestRows, MOST_ROWS, rowsWorthKeeping } from './outlier-rows.ts'

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
