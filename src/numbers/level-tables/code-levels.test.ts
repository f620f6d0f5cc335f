import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CodedSpec } from '../../model/packing.ts'
import { parseSchemeId } from '../../schemes/index.ts'
import { codeLevels, nearestIndex, TABLE_NAMES, tableBits } from './code-levels.ts'

const of = (id: string) => codeLevels(parseSchemeId(id) as CodedSpec)

describe('every table', () => {
  test.each([...TABLE_NAMES, 'ternary', 'binary'])(
    '%s: levels in order, one code each, the nearest of them all',
    (name) => {
      const table = of(`${name}-channel`)
      if (!table) throw new Error('no table')
      const { levels, codes, decoded, indices, zero } = table
      expect(levels.length).toBeLessThanOrEqual(2 ** (tableBits(name) ?? 2))
      expect([...levels]).toEqual([...levels].sort((a, b) => a - b))
      expect(new Set(codes).size).toBe(levels.length)
      expect(codes.every((code, index) => decoded[code] === levels[index] && indices[code] === index)).toBe(true)
      expect(levels.every((level) => Math.abs(level) >= Math.abs(levels[zero] as number))).toBe(true)
      const reach = Math.max(...levels.map(Math.abs))
      fc.assert(
        fc.property(fc.double({ min: -1.2, max: 1.2, noNaN: true }), (part) => {
          const t = part * reach
          const found = Math.abs(t - (levels[nearestIndex(table, t)] as number))
          // Some thresholds are those of others, a few ulps beside the middle.
          expect(found).toBeLessThanOrEqual(Math.min(...levels.map((level) => Math.abs(t - level))) + 1e-6 * reach)
        }),
        { numRuns: 60 },
      )
    },
  )
})

test('all codes of integers are no table; names that are none have no bits', () => {
  expect(of('int4-channel')).toBeNull()
  expect(tableBits('ternaries')).toBeUndefined()
  expect(tableBits('shift7')).toBeUndefined()
  expect(['nf4', 'nf2', 'int3', 'e2m3', 'shift1nz', 'e5m2'].map(tableBits)).toEqual([4, 2, 3, 6, 1, 8])
})
