import { describe, expect, it } from 'vitest'
import { balanceOf } from './smooth.ts'

const energies = (...sizes: number[]): Float64Array => Float64Array.from(sizes, (size) => size * size)
const floats = (...values: number[]): Float32Array => Float32Array.from(values)

describe('balanceOf', () => {
  it('goes with the size that gamma and beta tell', () => {
    const balance = balanceOf(3, floats(1, 2, -4), floats(0, 0, 0), [energies(1, 1, 1)])!
    expect(balance[1]! / balance[0]!).toBeCloseTo(2)
    expect(balance[2]! / balance[0]!).toBeCloseTo(4)
    const shifted = balanceOf(2, floats(1, 1), floats(0, -3), [energies(1, 1)])!
    expect(shifted[1]! / shifted[0]!).toBeCloseTo(2)
  })

  it('shrinks channels that any reader neglects, and no others', () => {
    const balance = balanceOf(4, null, null, [energies(1, 1, 1, 0.1), energies(1, 1, 1, 1)])!
    expect(balance[3]! / balance[0]!).toBeGreaterThan(5)
    const heavy = balanceOf(4, null, null, [energies(1, 1, 1, 3)])!
    expect(heavy[3]!).toBeLessThanOrEqual(heavy[0]!)
  })

  it('stays within bounds for channels without weights or gamma', () => {
    const balance = balanceOf(4, floats(1, 1, 1, 0), null, [energies(1, 1, 0, 1)])!
    for (const value of balance) {
      expect(value).toBeGreaterThanOrEqual(1 / 64)
      expect(value).toBeLessThanOrEqual(64)
    }
  })

  it('has nothing to say where lengths differ or all is zero', () => {
    expect(balanceOf(3, floats(1, 1), null, [energies(1, 1, 1)])).toBeNull()
    expect(balanceOf(2, floats(0, 0), floats(0, 0), [energies(1, 1)])).toBeNull()
    expect(balanceOf(2, floats(1, Number.NaN), null, [energies(1, 1)])).toBeNull()
    expect(balanceOf(2, floats(1, 1), null, [])).toBeNull()
  })
})
