import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Grouping } from '../../model/array-scheme.ts'
import { eachGroup, elementCountOf, formatGrouping, groupCount, largestGroup, parseGrouping } from './grouping.ts'

const groupings: fc.Arbitrary<Grouping> = fc.oneof(
  fc.constantFrom<Grouping>({ kind: 'tensor' }, { kind: 'row' }, { kind: 'column' }),
  fc.nat(2).map((axis) => ({ kind: 'channel' as const, axis })),
  fc.integer({ min: 1, max: 9 }).map((size) => ({ kind: 'block' as const, size })),
  fc.record({
    kind: fc.constant('tile' as const),
    rows: fc.integer({ min: 1, max: 5 }),
    columns: fc.integer({ min: 1, max: 5 }),
  }),
)

describe('groupings', () => {
  it('cover every element once, in numbered groups no larger than promised', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(7), { minLength: 3, maxLength: 4 }), groupings, (shape, grouping) => {
        const count = elementCountOf(shape)
        const seen = new Uint8Array(count)
        const most = largestGroup(shape, grouping)
        let groups = 0
        eachGroup(shape, grouping, ({ index, start, rows, columns, stride }) => {
          expect(index).toBe(groups++)
          expect(rows * columns).toBeLessThanOrEqual(most)
          for (let row = 0; row < rows; row++) {
            for (let column = 0; column < columns; column++) seen[start + row * stride + column]!++
          }
        })
        expect(groups).toBe(groupCount(shape, grouping))
        expect(seen.every((times) => times === 1)).toBe(true)
      }),
    )
  })

  it('have one spelling', () => {
    fc.assert(
      fc.property(groupings, (grouping) => {
        expect(parseGrouping(formatGrouping(grouping))).toEqual(grouping)
      }),
    )
    for (const text of ['', 'block', 'block0', 'block2000000', 'tile3', 'tile0x4', 'rows']) {
      expect(parseGrouping(text)).toBeNull()
    }
  })

  it('keep an axis of any position apart', () => {
    const owner = new Map<number, number>()
    eachGroup([2, 3, 4], { kind: 'channel', axis: 1 }, ({ index, start, rows, columns, stride }) => {
      for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) owner.set(start + r * stride + c, index)
    })
    for (let i = 0; i < 24; i++) expect(owner.get(i)).toBe(Math.floor(i / 4) % 3)
    expect(() => groupCount([2, 3], { kind: 'channel', axis: 2 })).toThrow(/axis below 2/)
  })
})
