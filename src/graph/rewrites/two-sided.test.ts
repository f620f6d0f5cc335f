import { describe, expect, it } from 'vitest'
import { factorsPay, rowFactors } from './two-sided.ts'

const values = (...given: number[]): Float64Array => Float64Array.from(given)

describe('rowFactors', () => {
  it('is the size of each row, relative to all', () => {
    const factors = rowFactors(values(1, 4, 1, 2))!
    expect(factors[1]! / factors[0]!).toBeCloseTo(2)
    expect(factors.reduce((sum, one) => sum + one * one, 0) / 4).toBeCloseTo(1)
  })

  it('stays finite for rows of zeros and has nothing to say of zeros alone', () => {
    expect(rowFactors(values(1, 0))![1]).toBe(1 / 64)
    expect(rowFactors(values(0, 0))).toBeNull()
    expect(rowFactors(values(Number.POSITIVE_INFINITY, 1))).toBeNull()
  })
})

describe('factorsPay', () => {
  it('where one row sets the scale of every channel', () => {
    const factors = rowFactors(Float64Array.from({ length: 100 }, (_, k) => (k === 0 ? 100 : 1)))!
    const [large, small] = [factors[0]!, factors[1]!]
    expect(factorsPay(factors, values(3 * large, 3 * large), values(3, 3))).toBe(true)
    expect(small).toBeLessThan(1)
  })

  it('where weights hold a channel down, and so its activation is large', () => {
    const factors = rowFactors(Float64Array.from({ length: 100 }, (_, k) => (k === 0 ? 0.01 : 1)))!
    expect(factorsPay(factors, values(3, 3), values(3, 3))).toBe(true)
  })

  it('not where rows are alike', () => {
    const factors = rowFactors(values(1, 1.1, 0.9, 1))!
    expect(factorsPay(factors, values(3, 3), values(3, 3))).toBe(false)
  })
})
