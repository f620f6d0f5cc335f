import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { meanMagnitude } from './mean-magnitude.ts'

const floats = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 100), max: 2 ** 100 }), {
  maxLength: 70,
})

describe('meanMagnitude', () => {
  it('is the mean of the magnitudes beyond a threshold', () => {
    fc.assert(
      fc.property(floats, fc.nat(5), fc.constantFrom(-1, 0, 1, 1e10), (list, start, threshold) => {
        const values = Float32Array.from(list)
        const counted = list.slice(start).map(Math.abs)
        const chosen = counted.filter((x) => x > threshold)
        const mean = chosen.length === 0 ? 0 : chosen.reduce((sum, x) => sum + x, 0) / chosen.length
        const found = meanMagnitude(values, start, counted.length, threshold)
        expect(Math.abs(found - mean)).toBeLessThanOrEqual(mean * 2 ** -22)
      }),
      { numRuns: 300 },
    )
  })

  it('worked out by hand, beyond one sixteen', () => {
    const values = Float32Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? i : -i))
    expect(meanMagnitude(values, 0, 20)).toBe(9.5)
    expect(meanMagnitude(values, 2, 18, 17)).toBe(18.5)
    expect(meanMagnitude(values, 0, 20, 19)).toBe(0)
    expect(meanMagnitude(values, 0, 0)).toBe(0)
  })

  it('rounds in the order that it promises', () => {
    // 1 and 2^-24 meet in f32 and give 1; 2^-24 in another lane stays in f64.
    const tiny = 2 ** -24
    expect(meanMagnitude(Float32Array.of(1, 0, 0, 0, tiny), 0, 5)).toBe(1 / 5)
    expect(meanMagnitude(Float32Array.of(1, tiny), 0, 2)).toBe((1 + tiny) / 2)
  })
})
