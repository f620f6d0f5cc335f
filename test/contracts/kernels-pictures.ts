import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Pair } from './kernels-pair.ts'

const ONE = 1 << 22
const weight = fc.integer({ min: -ONE, max: ONE })
const bytes = (count: number, seed: number) => Uint8Array.from({ length: count }, (_, i) => ((i + seed) * 40503) >> 7)

/** What resizes pictures. */
export function describePictures(pairOf: () => Pair): void {
  describe('pictures', () => {
    let pair: Pair
    beforeAll(() => {
      pair = pairOf()
    })

    it('weighAcross and weighDown: the same bytes', () => {
      const columns = fc.array(fc.tuple(fc.nat(30), fc.array(weight, { maxLength: 9 })), {
        minLength: 1,
        maxLength: 20,
      })
      fc.assert(
        fc.property(columns, fc.integer({ min: 0, max: 5 }), fc.nat(1000), (taps, rows, seed) => {
          pair.clear()
          const table = taps.flatMap(([first, weights]) => [3 * first, weights.length])
          const all = taps.flatMap(([, weights]) => weights).map((one) => one >>> 0)
          const src = pair.put(bytes(rows * 120 + 16, seed), 'u8', seed % 3)
          const at = pair.put(table, 'u32')
          pair.call(
            'weighAcross',
            src,
            rows,
            120,
            at,
            taps.length,
            pair.put(all, 'u32'),
            pair.area(rows * taps.length * 3 + 1),
          )
          pair.call('weighDown', src, 120, rows, pair.put(all, 'u32'), 100, pair.area(112))
        }),
        { numRuns: 60, seed: 3 },
      )
    })

    it('sums are rounded and kept in a byte', () => {
      pair.clear()
      const src = pair.put([10, 20, 30, 200, 255, 0, 0], 'u8')
      const taps = pair.put([0, 2, 0, 1, 3, 1], 'u32')
      const weights = pair.put([ONE / 2, ONE / 2, (2 * ONE) >>> 0, -ONE >>> 0], 'u32')
      const dst = pair.area(10)
      pair.call('weighAcross', src, 1, 6, taps, 3, weights, dst)
      const [first] = pair.engines
      expect([...new Uint8Array(first.memory, dst, 9)]).toEqual([105, 138, 15, 20, 40, 60, 0, 0, 0])
      const rows = pair.put([...new Array(16).fill(3), ...new Array(16).fill(4)], 'u8')
      const out = pair.area(16)
      pair.call('weighDown', rows, 16, 2, pair.put([ONE / 2, ONE / 2], 'u32'), 16, out)
      expect([...new Uint8Array(first.memory, out, 16)]).toEqual(new Array(16).fill(4))
    })
  })
}
