import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Pair, SAMPLE_KINDS, sampleValues } from './kernels-pair.ts'

const cases = fc.record({
  rows: fc.integer({ min: 0, max: 70 }),
  left: fc.integer({ min: 1, max: 9 }).map((count) => 4 * count),
  right: fc.integer({ min: 1, max: 5 }).map((count) => 8 * count),
  gap: fc.constantFrom(0, 1, 8),
  kind: fc.nat(SAMPLE_KINDS - 1),
  seed: fc.nat(1000),
})

/** Second moments of rows, and codes that descend on them. */
export function describeGram(pairOf: () => Pair): void {
  describe('moments of rows', () => {
    let pair: Pair
    beforeAll(() => {
      pair = pairOf()
    })

    it('crossRows: the same bits, whatever is in the rows', () => {
      fc.assert(
        fc.property(cases, ({ rows, left, right, gap, kind, seed }) => {
          pair.clear()
          const a = pair.put(sampleValues(rows * (left + gap), kind, seed))
          const b = pair.put(sampleValues(rows * (right + gap), kind + 1, seed + 1))
          const out = pair.put(sampleValues(left * (right + gap), 0, seed))
          pair.call('crossRows', a, left + gap, b, right + gap, rows, left, right, out, right + gap)
        }),
        { numRuns: 60 },
      )
    })

    it('crossRows adds to what is there', () => {
      pair.clear()
      const rows = pair.put([1, 2, 3, 4, 0, 0, 0, 0, 10, 20, 30, 40, 0, 0, 0, 0])
      const out = pair.put(new Array(32).fill(0.5))
      pair.call('crossRows', rows, 8, rows, 8, 2, 4, 8, out, 8)
      const found = pair.floats(out, 32)
      expect([...found.slice(0, 5)]).toEqual([101.5, 202.5, 303.5, 404.5, 0.5])
      expect(found[3 * 8 + 3]).toBe(16 + 1600 + 0.5)
    })

    it('descendRow: the same bits and moves, with and without neighbours', () => {
      fc.assert(
        fc.property(cases, fc.constantFrom(1, 7, 127), fc.boolean(), ({ right: width, kind, seed }, most, paired) => {
          pair.clear()
          const x = pair.put(sampleValues(12 * width, 0, seed))
          const gram = pair.put(new Array(width * width).fill(0))
          pair.call('crossRows', x, width, x, width, 12, width, width, gram, width)
          const pull = pair.put(sampleValues(width, kind, seed))
          const codes = pair.put(
            sampleValues(width, 7, seed).map((code) => Math.max(-most, Math.min(most, code)) & 255),
            'u8',
          )
          const ring = Array.from({ length: 2 * width }, (_, i) => {
            const j = i >> 1
            return i % 2 === 0 ? j - 1 : j + 1 < width ? j + 1 : -1
          })
          const beside = paired ? pair.put(Uint32Array.from(ring), 'u32') : 0
          pair.call('descendRow', gram, width, width, pull, codes, 0.37, most, beside, 128)
        }),
        { numRuns: 60 },
      )
    })

    it('descendRow moves codes to where the error is least, and keeps pairs within their limit', () => {
      pair.clear()
      const identity = Float32Array.from({ length: 64 }, (_, i) => (i % 9 === 0 ? 2 : 0))
      const gram = pair.put(identity)
      // What is wrong, times 2.
      const wrong = [2.2, -2.2, 0.8, 0, 400, 400, -1, 6]
      const run = (beside: number): readonly number[] => {
        const pull = pair.put(wrong)
        const codes = pair.put(new Uint8Array(8), 'u8')
        pair.call('descendRow', gram, 8, 8, pull, codes, 1, 127, beside, 128)
        return [...new Int8Array(pair.bytes(codes, 8).buffer)]
      }
      expect(run(0)).toEqual([1, -1, 0, 0, 127, 127, 0, 3])
      const chain = [-1, 1, 0, 2, 1, 3, 2, 4, 3, 5, 4, 6, 5, 7, 6, -1]
      expect(run(pair.put(Uint32Array.from(chain), 'u32'))).toEqual([1, -1, 0, 0, 127, 1, 0, 3])
    })

    it('descendBlocks: the same bits and moves, with scales of either sign', () => {
      fc.assert(
        fc.property(
          cases,
          fc.constantFrom(3, 15, 255),
          fc.constantFrom(4, 5, 64),
          ({ right: width, kind, seed }, most, block) => {
            pair.clear()
            const x = pair.put(sampleValues(12 * width, 0, seed))
            const gram = pair.put(new Array(width * width).fill(0))
            pair.call('crossRows', x, width, x, width, 12, width, width, gram, width)
            const pull = pair.put(sampleValues(width, kind, seed))
            const codes = pair.put(
              sampleValues(width, 7, seed).map((code) => Math.max(0, Math.min(most, Math.abs(code)))),
              'u8',
            )
            const scales = pair.put(sampleValues(width, 0, seed + 2))
            const from = seed % (width + 1)
            pair.call('descendBlocks', gram, width, width, from, width, pull, codes, scales, block, most)
            pair.call('descendBlocks', gram, width, width, 0, from, pull, codes, scales, block, most)
          },
        ),
        { numRuns: 60 },
      )
    })

    it('descendBlocks moves codes by steps of their blocks and keeps them on the grid', () => {
      pair.clear()
      const gram = pair.put(Float32Array.from({ length: 64 }, (_, i) => (i % 9 === 0 ? 2 : 0)))
      const pull = pair.put([2.2, -2.2, 0.8, 0, 400, -400, -2, 6])
      const codes = pair.put(Uint8Array.from([1, 1, 1, 1, 1, 1, 1, 1]), 'u8')
      const moved = pair.call('descendBlocks', gram, 8, 8, 0, 8, pull, codes, pair.put([1, -0.5]), 4, 15)
      expect([...pair.bytes(codes, 8)]).toEqual([2, 0, 1, 1, 0, 15, 3, 0])
      expect(moved).toBe(6)
    })

    it('subtractDots: the same bits', () => {
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 9 }), fc.nat(3), fc.nat(3), fc.nat(1000), (half, rows, columns, seed) => {
          pair.clear()
          const [count, aRows, bRows] = [2 * half, 2 * rows, 4 * columns]
          const a = pair.put(Float64Array.from(sampleValues(aRows * count, 0, seed)), 'f64')
          const b = pair.put(Float64Array.from(sampleValues(bRows * count, 0, seed + 1)), 'f64')
          const out = pair.put(Float64Array.from(sampleValues(aRows * bRows, 0, seed + 2)), 'f64')
          pair.call('subtractDots', a, count, b, count, count, aRows, bRows, out, bRows)
        }),
        { numRuns: 60 },
      )
    })

    it('descendLevels: the same bits and moves, wherever a block begins', () => {
      const levels = [-1, -0.5, -0.2, 0, 0.1, 0.3, 0.6, 1]
      fc.assert(
        fc.property(cases, fc.nat(10), ({ right: width, kind, seed }, offset) => {
          pair.clear()
          const x = pair.put(sampleValues(12 * width, 0, seed))
          const gram = pair.put(new Array(width * width).fill(0))
          pair.call('crossRows', x, width, x, width, 12, width, width, gram, width)
          const pull = pair.put(sampleValues(width, kind, seed))
          const positions = pair.put(
            Uint8Array.from({ length: width }, (_, i) => (i * 5 + seed) % 8),
            'u8',
          )
          const scales = pair.put(sampleValues(8, 0, seed + 1))
          const table = pair.put(levels)
          const middle = width / 2
          for (const [from, to] of [
            [0, middle],
            [middle, width],
          ] as const) {
            pair.call(
              ...(['descendLevels', gram, width, width, from, to, pull, positions, scales, 11, offset, table] as const),
              levels.length - 1,
            )
          }
        }),
        { numRuns: 60 },
      )
    })

    it('descendLevels moves to the nearest level, and not where two are as near', () => {
      pair.clear()
      const gram = pair.put(Float32Array.from({ length: 64 }, (_, i) => (i % 9 === 0 ? 2 : 0)))
      // What is wrong, times 2; the scale is -1, so that all goes the other way.
      const pull = pair.put([0.5, -0.5, 0.2, 0, -40, 40, 0.3, -0.02])
      const positions = pair.put(new Uint8Array(8).fill(1), 'u8')
      const scales = pair.put([-1])
      const table = pair.put([-1, 0, 0.25])
      const moved = pair.call('descendLevels', gram, 8, 8, 0, 8, pull, positions, scales, 8, 0, table, 2)
      expect([...pair.bytes(positions, 8)]).toEqual([1, 2, 1, 1, 2, 0, 1, 1])
      expect(moved).toBe(3)
    })

    it('subtractDots takes the products of rows away', () => {
      pair.clear()
      const a = pair.put(Float64Array.from([1, 2, 3, 4]), 'f64')
      const b = pair.put(Float64Array.from([5, 6, 7, 8, 1, 0, 0, 1]), 'f64')
      const out = pair.put(Float64Array.from([100, 100, 100, 100, 100, 100, 100, 100]), 'f64')
      pair.call('subtractDots', a, 2, b, 2, 2, 2, 4, out, 4)
      expect([...pair.doubles(out, 8)]).toEqual([83, 77, 99, 98, 61, 47, 97, 96])
    })
  })
}
