import fc from 'fast-check'
import { expect, it } from 'vitest'
import { UNBOUNDED } from './bounds.ts'
import { halvesOf, wideGridOf } from './wide-grid.ts'

it('holds its range in two codes, with hardly more than 2^16 - 1 steps and a zero', () => {
  const size = fc.double({ min: 0, max: 1e6, noNaN: true })
  fc.assert(
    fc.property(size, size, (below, above) => {
      fc.pre(below + above > 1e-20)
      const { scale, zero, type } = wideGridOf(-below, above, UNBOUNDED)
      const { high, low } = halvesOf({ scale, zero, type })
      expect(zero).toBe(256 * high.zero + low.zero)
      // Ends are reached up to the rounding of the scale.
      const slack = 2 ** -23 * 65536 * scale
      expect(scale * (0 - zero)).toBeLessThanOrEqual(-below + slack)
      expect(scale * (65535 - zero)).toBeGreaterThanOrEqual(above - slack)
      expect(scale).toBeLessThanOrEqual(((below + above) / 65535) * (1 + 1.01 / 256))
    }),
  )
})

it('stays inside bounds, and is not empty', () => {
  expect(wideGridOf(-3, 10, { min: 0, max: 6 })).toEqual({ scale: Math.fround(6 / 65407), zero: 128, type: 'u16' })
  expect(wideGridOf(0, 0, UNBOUNDED)).toEqual({ scale: Math.fround(1 / 65535), zero: 32896, type: 'u16' })
  expect(wideGridOf(Number.NEGATIVE_INFINITY, 1, UNBOUNDED).zero).toBe(32896)
})
