import { describe, expect, it } from 'vitest'
import { biasCodes, leastWeightScales } from './quantized-bias.ts'

describe('biases as int32 at the product of scales', () => {
  it('rounds to the nearest code', () => {
    expect(biasCodes(Float32Array.of(1, -0.26, 0), 0.5, Float32Array.of(0.25, 0.25, 0.25))).toEqual(
      Int32Array.of(8, -2, 0),
    )
  })

  it('refuses what leaves 2^30, and the least scales cure it', () => {
    const bias = Float32Array.of(3, -3)
    const scales = Float32Array.of(1e-9, 0.01)
    expect(biasCodes(bias, 0.5, scales)).toBeNull()
    const least = leastWeightScales(bias, 0.5, 2)
    const raised = scales.map((scale, channel) => Math.max(scale, least[channel]!))
    expect(raised[1]).toBe(scales[1])
    const codes = biasCodes(bias, 0.5, raised)!
    expect(Math.abs(codes[0]!)).toBeLessThanOrEqual(2 ** 30)
    expect(codes[0]! * Math.fround(0.5 * raised[0]!)).toBeCloseTo(3, 5)
  })

  it('keeps the product of the scales a normal number without a bias too', () => {
    const [least] = leastWeightScales(null, 1e-10, 1)
    expect(Math.fround(1e-10 * least!)).toBeGreaterThan(1e-38)
  })
})
