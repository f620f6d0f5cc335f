import { describe, expect, test } from 'vitest'
import { aligned, CALL_ELEMENTS, columnStrips, columnTiles, rowTiles } from './tiles.ts'

describe('rowTiles', () => {
  const shapes: [number, number, number][] = [
    [1, 1, 1],
    [7, 5, 2],
    [3, 700_000, 32],
    [3000, 1000, 64],
    [2, 3_000_001, 128],
    [2, 3_000_001, 3_000_001],
    [1, CALL_ELEMENTS, CALL_ELEMENTS],
    [1, 2 * CALL_ELEMENTS + 1, CALL_ELEMENTS],
  ]
  test.each(shapes)('covers %i x %i in blocks of %i without gap, within one call each', (rows, columns, block) => {
    const perRow = Math.ceil(columns / block)
    let next = 0
    for (const tile of rowTiles(rows, columns, block)) {
      expect(tile.start).toBe(next)
      const count = tile.rows * tile.columns
      expect(count).toBeLessThanOrEqual(CALL_ELEMENTS)
      const row = Math.floor(tile.start / columns)
      expect(tile.firstGrid).toBe(row * perRow + Math.floor((tile.start % columns) / block))
      if (tile.rows > 1) expect(tile.columns).toBe(columns)
      if (block <= CALL_ELEMENTS) expect((tile.start % columns) % block).toBe(0)
      next += count
    }
    expect(next).toBe(rows * columns)
  })
})

describe('columns', () => {
  const shapes: [number, number, number][] = [
    [1, 1, 1],
    [100, 33, 32],
    [4096, 4096, 4096],
    [1000, 32000, 32],
    [262144, 5, 262144],
    [3_000_000, 2, 3_000_000],
    [70_000, 40, 16],
  ]
  test.each(shapes)('strips and tiles cover %i x %i in blocks of %i', (depth, channels, block) => {
    let column = 0
    for (const strip of columnStrips(channels, block, Math.ceil(depth / block))) {
      expect(strip.column).toBe(column)
      column += strip.columns
      let row = 0
      for (const tile of columnTiles(depth, strip.columns, block)) {
        expect(tile.row).toBe(row)
        expect(tile.rows * strip.columns).toBeLessThanOrEqual(CALL_ELEMENTS)
        expect(Math.floor(tile.row / block)).toBe(tile.block)
        expect(Math.floor((tile.row + tile.rows - 1) / block)).toBe(tile.block)
        if (block <= CALL_ELEMENTS) expect(tile.rows).toBe(Math.min(block, depth - tile.block * block))
        row += tile.rows
      }
      expect(row).toBe(depth)
    }
    expect(column).toBe(channels)
  })
})

test('alignment', () => {
  expect([0, 1, 64, 65].map(aligned)).toEqual([0, 64, 64, 128])
})
