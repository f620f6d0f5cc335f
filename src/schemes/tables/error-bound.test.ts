import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { roundToSmallFloat } from '../../numbers/small-floats.ts'
import { castCodec } from './cast-codec.ts'
import { tableErrorBound } from './error-bound.ts'
import { IQ4NL } from './iq4nl.ts'
import { NF4 } from './normal-float.ts'

const none = new Float32Array(0)

/** Largest error over a fine walk from low to high. */
function walked(low: number, high: number, errorAt: (x: number) => number): number {
  let most = 0
  for (let step = 0; step <= 4000; step++) most = Math.max(most, errorAt(low + ((high - low) * step) / 4000))
  return most
}

describe('bounds are met, and reached', () => {
  const ends = fc.tuple(fc.double({ min: -9, max: 9, noNaN: true }), fc.double({ min: 0, max: 9, noNaN: true }))

  it('of tables, with scales of both signs', () => {
    fc.assert(
      fc.property(ends, fc.double({ min: -3, max: 3, noNaN: true }), fc.boolean(), ([low, length], factor, nf4) => {
        const { levels } = nf4 ? NF4 : IQ4NL
        const scale = nf4 ? factor : factor / 100
        const high = low + length
        const bound = tableErrorBound(levels, scale, low, high)
        const found = walked(low, high, (x) => Math.min(...Array.from(levels, (level) => Math.abs(x - scale * level))))
        expect(found).toBeLessThanOrEqual(bound + 1e-12)
        expect(bound).toBeLessThanOrEqual(found + length / 4000 + 1e-12)
      }),
      { numRuns: 40 },
    )
  })

  it('of casts', () => {
    for (const dtype of ['e2m1', 'e4m3fn', 'e3m2', 'e5m2fnuz'] as const) {
      fc.assert(
        fc.property(ends, ([low, length]) => {
          const high = low + length
          const bound = castCodec(dtype).errorBound(none, none, low, high)
          const found = walked(low, high, (x) => Math.abs(x - roundToSmallFloat(x, dtype, { overflow: 'saturate' })))
          expect(found).toBeLessThanOrEqual(bound + 1e-6)
          expect(bound).toBeLessThanOrEqual(found + length / 4000 + 1e-6)
        }),
        { numRuns: 40 },
      )
    }
    expect(castCodec('e4m3fn').errorBound(none, none, 0, 500)).toBe(52)
    expect(castCodec('e4m3fn', { overflow: 'nan' }).errorBound(none, none, 0, 500)).toBe(Number.POSITIVE_INFINITY)
    expect(castCodec('f16').errorBound(none, none, 1, 2)).toBe(2 ** -11)
  })
})
