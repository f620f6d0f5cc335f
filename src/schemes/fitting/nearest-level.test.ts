import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeNearest, nearestLevel, prepareTable, scaledValue } from './index.ts'

const TABLES = {
  integers: Float32Array.from({ length: 16 }, (_, i) => i - 8),
  quarters: Float32Array.from({ length: 5 }, (_, i) => i / 4),
  uneven: Float32Array.of(-1, -0.7, -0.2, 0, 0.1, 0.5, 1),
  signs: Float32Array.of(-1, 1),
  single: Float32Array.of(3),
  bytes: Float32Array.from({ length: 256 }, (_, i) => i - 128),
  doubling: Float32Array.from({ length: 200 }, (_, i) => (i < 100 ? -(2 ** ((100 - i) / 4)) : 2 ** ((i - 99) / 4))),
}

/** The nearest by going up while the next one is nearer; the lower one of two. */
function byLooking(levels: Float32Array, t: number): number {
  let best = 0
  while (best + 1 < levels.length && 2 * t > levels[best]! + levels[best + 1]!) best++
  return best
}

describe.each(Object.entries(TABLES))('nearest of %s', (_, levels) => {
  const table = prepareTable({ levels })

  it('is the nearest, the lower one of two', () => {
    const middles = Array.from(table.midpoints, Math.fround)
    const value = fc.oneof(
      fc.float({ noNaN: true, min: -300, max: 300 }),
      fc.constantFrom(...levels, ...middles, Infinity, -Infinity),
    )
    fc.assert(
      fc.property(value, (t) => {
        const expected = t === Infinity ? levels.length - 1 : t === -Infinity ? 0 : byLooking(levels, t)
        expect(nearestLevel(table, t)).toBe(expected)
      }),
      { numRuns: 300 },
    )
  })

  it('encodes decoded levels to themselves under any scale', () => {
    const scale = fc
      .float({ noNaN: true, noDefaultInfinity: true })
      .filter((s) => Math.abs(s) > 1e-36 && Math.abs(s) < 1e30)
    fc.assert(
      fc.property(scale, (s) => {
        const codes = new Uint16Array(levels.length)
        encodeNearest(
          levels.map((level) => s * level),
          s,
          table,
          codes,
        )
        expect([...codes]).toEqual([...levels.keys()])
      }),
      { numRuns: 300 },
    )
  })
})

describe('encodeNearest', () => {
  it('gives halves to the even code where asked', () => {
    const levels = Float32Array.of(0, 0.5, 1, 1.5, 2, 3, 4, 6)
    const table = prepareTable({ levels }, 'even')
    const halves = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5]
    expect(halves.map((t) => nearestLevel(table, t))).toEqual([0, 2, 2, 4, 4, 6, 6])
    expect(halves.map((t) => nearestLevel(table, t * (1 + 2 ** -23)))).toEqual([1, 2, 3, 4, 5, 6, 7])
    const around = prepareTable({ levels: Float32Array.of(-0.5, 0.5), codes: Uint16Array.of(1, 0) }, 'even')
    expect([nearestLevel(around, 0), nearestLevel(around, -1e-45)]).toEqual([1, 0])
  })

  it('writes the codes of the table', () => {
    const table = prepareTable({ levels: Float32Array.of(-1, 0, 1), codes: Uint16Array.of(7, 5, 6) })
    const codes = new Uint16Array(4)
    encodeNearest(Float32Array.of(-9, 0.1, 2, 0), 0.5, table, codes)
    expect([...codes]).toEqual([7, 5, 6, 5])
    encodeNearest(Float32Array.of(-9, 0.1, 2, 0), 0, table, codes)
    expect([...codes]).toEqual([5, 5, 5, 5])
  })

  it('divides by scales without an inverse', () => {
    const table = prepareTable({ levels: TABLES.bytes })
    for (const scale of [1e-45, -3e-42, 1.1e-38, 3e38, -1e38]) {
      const codes = new Uint16Array(3)
      encodeNearest(Float32Array.of(0, scale, -scale), scale, table, codes)
      expect([...codes]).toEqual([128, 129, 127])
    }
    expect(scaledValue(5, 0)).toBe(0)
  })
})
