import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { OBSERVED_RUN_BYTES } from '../../src/model/observe-kernels.ts'
import { type Pair, SAMPLE_KINDS, sampleValues } from './kernels-pair.ts'

const cases = fc.record({
  rows: fc.integer({ min: 0, max: 40 }),
  columns: fc.integer({ min: 1, max: 70 }),
  kind: fc.nat(SAMPLE_KINDS - 1),
  seed: fc.nat(1000),
  offset: fc.constantFrom(0, 4, 8, 20),
})

/** What is seen of activations. */
export function describeObserving(pairOf: () => Pair): void {
  describe('activations', () => {
    let pair: Pair
    beforeAll(() => {
      pair = pairOf()
    })

    it('observeRuns and observeColumns: the same bits', () => {
      fc.assert(
        fc.property(cases, ({ rows, columns, kind, seed, offset }) => {
          pair.clear()
          const src = pair.put(sampleValues(rows * columns, kind, seed), 'f32', offset)
          pair.call('observeRuns', src, rows, columns, pair.area(rows * OBSERVED_RUN_BYTES))
          const min = pair.put(new Array(columns).fill(Number.POSITIVE_INFINITY))
          const max = pair.put(new Array(columns).fill(Number.NEGATIVE_INFINITY))
          const sum = pair.put(new Array(columns).fill(0), 'f64')
          const squares = pair.put(new Array(columns).fill(0), 'f64')
          pair.call('observeColumns', src, rows, columns, min, max, sum, squares)
        }),
        { numRuns: 100, seed: 5 },
      )
    })

    it('observeRuns: what it says, also of what is not finite', () => {
      pair.clear()
      const src = pair.put([
        3,
        -1,
        2,
        4,
        5,
        6,
        7,
        8,
        9,
        1,
        Number.NaN,
        2,
        Number.POSITIVE_INFINITY,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
      ])
      const out = pair.area(2 * OBSERVED_RUN_BYTES)
      pair.call('observeRuns', src, 2, 10, out)
      expect([...pair.floats(out, 2)]).toEqual([-1, 9])
      expect([...pair.doubles(out + 8, 2)]).toEqual([44, 286])
      expect([...pair.doubles(out + OBSERVED_RUN_BYTES + 8, 2)]).toEqual([0, Number.POSITIVE_INFINITY])
    })

    it('sampleBlocks: one block of every group, evenly', () => {
      pair.clear()
      const src = pair.put(Array.from({ length: 40 * 64 }, (_, i) => i))
      const dst = pair.area(40 * 64)
      pair.call('sampleBlocks', src, 40, 2, 7, dst)
      const firsts = Array.from({ length: 40 }, (_, g) => pair.floats(dst + 64 * g, 1)[0]! - 64 * g)
      expect(firsts.every((first) => first % 16 === 0 && first >= 0 && first < 64)).toBe(true)
      for (const block of [0, 16, 32, 48]) {
        const count = firsts.filter((first) => first === block).length
        expect(count).toBeGreaterThanOrEqual(8)
        expect(count).toBeLessThanOrEqual(12)
      }
    })

    it('countBins: the same counts and zeros, few values and many', () => {
      fc.assert(
        fc.property(cases, fc.boolean(), ({ kind, seed, rows, offset }, many) => {
          pair.clear()
          const count = many ? 4000 + rows : rows
          const src = pair.put(sampleValues(count, kind, seed), 'f32', offset)
          const bins = pair.put(new Array(300).fill(1), 'u32')
          for (const perUnit of [16, 2 ** -20, 2 ** 126]) pair.call('countBins', src, count, perUnit, -100, bins, 300)
        }),
        { numRuns: 60, seed: 6 },
      )
      pair.clear()
      const src = pair.put([0, -0, 0.5, -0.5, 2.25, -1e-40, 9, -9])
      const bins = pair.put(new Array(6).fill(0), 'u32')
      expect(pair.call('countBins', src, 8, 1, -3, bins, 6)).toBe(2)
      expect([...new Uint32Array(pair.bytes(bins, 24).buffer)]).toEqual([1, 0, 2, 3, 0, 2])
    })
  })
}
