import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cheapest, Table } from './table.ts'

const candidate = (id: string, relativeError: number, bitsPerWeight: number) => ({
  id,
  measured: { relativeError, bitsPerWeight },
})

describe('cheapest', () => {
  test('one more bit must buy 1.76 dB', () => {
    const plain = candidate('plain', 1, 4)
    expect(cheapest([plain, candidate('a little better', 0.68, 5)]).id).toBe('plain')
    expect(cheapest([plain, candidate('better', 0.66, 5)]).id).toBe('better')
    expect(cheapest([plain, candidate('half a bit', 0.83, 4.5)]).id).toBe('plain')
    expect(cheapest([plain, candidate('half a bit', 0.81, 4.5)]).id).toBe('half a bit')
  })

  test('fewer bits may cost as much', () => {
    expect(cheapest([candidate('a', 1, 5), candidate('b', 1.4, 4)]).id).toBe('b')
    expect(cheapest([candidate('a', 1, 5), candidate('b', 1.6, 4)]).id).toBe('a')
  })

  test('the first of equals, also where there is no error at all', () => {
    expect(cheapest([candidate('a', 0.5, 4), candidate('b', 0.5, 4)]).id).toBe('a')
    expect(cheapest([candidate('a', 0, 5), candidate('b', 0, 4)]).id).toBe('a')
    expect(cheapest([candidate('only', 3, 4)]).id).toBe('only')
  })

  test('the order of candidates with different figures does not count', () => {
    const figure = fc.record({
      relativeError: fc.double({ min: 1e-6, max: 1, noNaN: true }),
      bitsPerWeight: fc.integer({ min: 2 * 256, max: 9 * 256 }).map((bits) => bits / 256),
    })
    fc.assert(
      fc.property(
        fc.uniqueArray(figure, { minLength: 2, maxLength: 6, selector: (one) => one.bitsPerWeight }),
        (figures) => {
          const all = figures.map((measured) => ({ measured }))
          const cost = ({ measured }: (typeof all)[number]) =>
            Math.log(measured.relativeError) + Math.log(1.5) * measured.bitsPerWeight
          const best = Math.min(...all.map(cost))
          expect(cost(cheapest(all))).toBeCloseTo(best, 9)
          expect(cost(cheapest([...all].reverse()))).toBeCloseTo(best, 9)
        },
      ),
      { seed: 3 },
    )
  })
})

test('keys keep scope, name and scheme apart, whatever letters they hold', () => {
  const table = new Table()
  const keys = [
    Table.key([], 'a', 'int8'),
    Table.key(['a'], '', 'int8'),
    Table.key(['a', 'b'], 'c', 'int8'),
    Table.key(['a'], 'b/c', 'int8'),
    Table.key([], '__proto__', 'int8'),
  ]
  for (const [i, key] of keys.entries()) table.set(key, { relativeError: i, bitsPerWeight: 8 })
  expect(table.size).toBe(keys.length)
  expect(keys.map((key) => table.get(key)?.relativeError)).toEqual([0, 1, 2, 3, 4])
  expect(table.get(Table.key([], 'b', 'int8'))).toBeUndefined()
})
