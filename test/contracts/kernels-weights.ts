import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Pair, SAMPLE_KINDS, sampleValues } from './kernels-pair.ts'

const cases = fc.record({
  rows: fc.integer({ min: 0, max: 6 }),
  length: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(255, 256, 257, 900)),
  most: fc.constantFrom(127, 63, 7),
  search: fc.constantFrom<0 | 1>(0, 1),
  floor: fc.constantFrom(0, 0.5, 0.8, 1.2),
  kind: fc.nat(SAMPLE_KINDS - 1),
  seed: fc.nat(1000),
  offset: fc.constantFrom(0, 4, 8, 20),
})

/** What gives weights symmetric signed codes. */
export function describeWeights(pairOf: () => Pair): void {
  describe('weights', () => {
    let pair: Pair
    beforeAll(() => {
      pair = pairOf()
    })

    it('roundRows and shiftRows: the same bits', () => {
      fc.assert(
        fc.property(cases, ({ rows, length, most, search, floor, kind, seed, offset }) => {
          pair.clear()
          const values = sampleValues(rows * length, kind, seed)
          const src = pair.put(values, 'f32', offset)
          const absmax = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0)
          const least = floor === 0 ? 0 : pair.put(new Array(rows).fill(Math.fround((absmax / most) * floor)))
          const scales = pair.area(4 * rows)
          const codes = pair.area(rows * length, seed % 7)
          pair.call('roundRows', src, rows, length, most, search, least, scales, codes, pair.area(24 * rows))
          const means = pair.put(
            Float64Array.from({ length: rows * length }, (_, i) => Math.sin(i + seed)),
            'f64',
          )
          const [positions, perGroup] = [length % 3 === 0 ? 3 : 1, 1 + (seed % 3)]
          const inputs = length / positions
          const shifts = pair.area(8 * rows)
          pair.call('shiftRows', src, codes, 0, rows, inputs, positions, scales, means, perGroup, shifts)
        }),
        { numRuns: 150, seed: 9 },
      )
    })

    it('roundRows: scales, codes and sums', () => {
      pair.clear()
      const src = pair.put([127, -64, 0.5, 0, 0, 0, 1.5, 2.5, -254])
      const [scales, codes, sums] = [pair.area(12), pair.area(9), pair.area(72)]
      expect(pair.call('roundRows', src, 3, 3, 127, 0, 0, scales, codes, sums)).toBe(-1)
      expect([...pair.floats(scales, 3)]).toEqual([1, 1, 2])
      expect([...new Int8Array(pair.bytes(codes, 9).buffer)]).toEqual([127, -64, 0, 0, 0, 0, 1, 1, -127])
      const [first, second, third] = [
        [0.25, 127 ** 2 + 64 ** 2 + 0.25, 1],
        [0, 0, 1],
        [0.5, 254 ** 2 + 8.5, 2],
      ]
      expect([...pair.doubles(sums, 9)]).toEqual([...first!, ...second!, ...third!])
      const least = pair.put([2, 0, 4])
      pair.call('roundRows', src, 3, 3, 127, 1, least, scales, codes, sums)
      expect([...pair.floats(scales, 3)]).toEqual([2, 1, 4])
    })

    it('roundRows: the search finds the scale of least error, and gives up what is not finite', () => {
      pair.clear()
      // One value far out among many: clipping it costs less than a coarse grid for all the others.
      const values = Float32Array.from({ length: 4000 }, (_, i) => (i === 7 ? 7.4 : Math.sin(i) * 4.9))
      const src = pair.put(values)
      const [scales, codes, sums] = [pair.area(4), pair.area(4000), pair.area(24)]
      pair.call('roundRows', src, 1, 4000, 7, 1, 0, scales, codes, sums)
      const [scale] = pair.floats(scales, 1)
      const [error, energy] = pair.doubles(sums, 2)
      const found = new Int8Array(pair.bytes(codes, 4000).buffer)
      const own = values.reduce((sum, value, i) => sum + (value - Math.fround(found[i]! * scale!)) ** 2, 0)
      expect(error).toBeCloseTo(own, 6)
      expect(energy).toBeCloseTo(
        values.reduce((sum, value) => sum + value * value, 0),
        4,
      )
      expect(scale).toBeLessThan(7.4 / 7)
      pair.call('roundRows', src, 1, 4000, 7, 0, 0, scales, codes, sums)
      expect(pair.doubles(sums, 1)[0]).toBeGreaterThan(error!)
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        pair.clear()
        const at = pair.put([1, 2, 3, bad])
        expect(pair.call('roundRows', at, 2, 2, 127, 1, 0, pair.area(8), pair.area(4), pair.area(48))).toBe(1)
      }
    })

    it('shiftRows: decoded less given, weighed with the means of the group', () => {
      pair.clear()
      const src = pair.put([1, 2, 3, 4, 5, 6, 7, 8])
      const codes = pair.put([129, 130, 132, 132, 125 + 8, 134, 135, 137], 'u8')
      const [scales, means] = [pair.put([1, 1]), pair.put([1, 10, 100, 1000], 'f64')]
      const shifts = pair.area(16)
      pair.call('shiftRows', src, codes, 128, 2, 2, 2, scales, means, 1, shifts)
      expect([...pair.doubles(shifts, 2)]).toEqual([10, 1000])
    })
  })
}
