import { describe, expect, it } from 'vitest'
import { bindShape, isBatchAxis, sizeOf, symbolsOf } from './dimensions.ts'

describe('dimensions', () => {
  const bindings = new Map([
    ['past', 3],
    ['seq', 4],
  ])

  it('are numbers, symbols or sums', () => {
    expect(sizeOf(5, bindings)).toBe(5)
    expect(sizeOf('seq', bindings)).toBe(4)
    expect(sizeOf('past + seq', bindings)).toBe(7)
    expect(sizeOf('past+1', bindings)).toBe(4)
    expect(sizeOf('past + other', bindings)).toBeUndefined()
    expect(sizeOf('other', bindings)).toBeUndefined()
    expect(sizeOf(null, bindings)).toBeUndefined()
    expect(symbolsOf('past + 1')).toEqual(['past'])
    expect(symbolsOf('floor(H/2)')).toEqual(['floor(H/2)'])
  })

  it('bind once and must then agree', () => {
    const found = new Map<string, number>()
    expect(bindShape(['N', 'S', 8], [2, 5, 8], found)).toBeUndefined()
    expect([...found]).toEqual([
      ['N', 2],
      ['S', 5],
    ])
    expect(bindShape(['N', 'S'], [2, 6], found)).toBe(1)
    expect(bindShape(['N', 8], [2, 9], found)).toBe(1)
    expect(bindShape(['N'], [2, 9], found)).toBe(-1)
    expect(bindShape([null, 'S + 1'], [99, 6], found)).toBeUndefined()
    expect(bindShape([null, 'S + 1'], [99, 7], found)).toBe(1)
  })

  it.each([
    ['N', 4, true],
    ['batch_size', 1, true],
    ['unk__12', 4, true],
    [null, 2, true],
    [null, 1, false],
    ['T', 2, false],
    ['sequence', 2, false],
    ['num_boxes', 2, false],
    [8, 2, false],
  ])('first axis %s of rank %i counts samples: %s', (size, rank, batch) => {
    expect(isBatchAxis(size, rank)).toBe(batch)
  })
})
