import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockLayouts, packBlocks, unpackBlocks } from './index.ts'

/** Numbers of ggml's own list, and the bits of one value that it states for each type. */
const published = new Map([
  ['Q4_0', [2, 4.5]],
  ['Q4_1', [3, 5]],
  ['Q5_0', [6, 5.5]],
  ['Q5_1', [7, 6]],
  ['Q8_0', [8, 8.5]],
  ['Q2_K', [10, 2.625]],
  ['Q3_K', [11, 3.4375]],
  ['Q4_K', [12, 4.5]],
  ['Q5_K', [13, 5.5]],
  ['Q6_K', [14, 6.5625]],
  ['IQ4_NL', [20, 4.5]],
  ['TQ1_0', [34, 1.6875]],
  ['TQ2_0', [35, 2.0625]],
  ['MXFP4', [39, 4.25]],
  ['NVFP4', [40, 4.5]],
  ['Q1_0', [41, 1.125]],
  ['Q2_0', [42, 2.25]],
] as const)

test('all types, with their numbers and sizes', () => {
  const own = [...blockLayouts.values()].map(({ id, type, values, byteLength }) => [
    id,
    [type, (8 * byteLength) / values],
  ])
  expect(new Map(own as [string, [number, number]][])).toEqual(published)
})

/** Bytes in which no f16 is a NaN, no e8m0 is 255 and no e4m3 is negative or 127: what an encoder can write. */
function clean(id: string, bytes: Uint8Array): Uint8Array {
  const layout = blockLayouts.get(id)!
  const { codes, parameters } = unpackBlocks(layout, bytes)
  for (let i = 0; i < codes.length; i++) codes[i] = Math.min(codes[i]!, layout.levels - 1)
  for (let i = 0; i < parameters.length; i++) if (!Number.isFinite(parameters[i]!)) parameters[i] = 1
  return packBlocks(layout, codes, parameters)
}

describe.each([...blockLayouts.keys()])('%s', (id) => {
  const layout = blockLayouts.get(id)!

  test('codes and parameters come back from bytes, bytes from codes and parameters', () => {
    const blocks = fc.uint8Array({ minLength: 2 * layout.byteLength, maxLength: 2 * layout.byteLength })
    fc.assert(
      fc.property(blocks, (random) => {
        const bytes = clean(id, random)
        const { codes, parameters } = unpackBlocks(layout, bytes)
        expect(packBlocks(layout, codes, parameters)).toEqual(bytes)
      }),
      { numRuns: 100 },
    )
  })

  test('every code reaches its own bits', () => {
    const { codes, parameters } = unpackBlocks(layout, clean(id, new Uint8Array(layout.byteLength)))
    const seen = new Set<string>()
    for (let i = 0; i < codes.length; i++) {
      const changed = codes.slice()
      changed[i] = (changed[i]! + 1) % layout.levels
      const bytes = packBlocks(layout, changed, parameters)
      seen.add(String(bytes))
      expect(unpackBlocks(layout, bytes)).toEqual({ codes: changed, parameters })
    }
    expect(seen.size).toBe(codes.length)
  })

  test('codes, parameters and lengths that do not fit are refused', () => {
    const { codes, parameters } = unpackBlocks(layout, clean(id, new Uint8Array(layout.byteLength)))
    expect(() => packBlocks(layout, codes.subarray(1), parameters)).toThrow('parameters for each')
    expect(() => packBlocks(layout, codes, parameters.subarray(1))).toThrow('parameters for each')
    expect(() => unpackBlocks(layout, new Uint8Array(layout.byteLength + 1))).toThrow('blocks of')
    expect(() => packBlocks(layout, codes.fill(layout.levels, 5, 6), parameters)).toThrow('at 5')
    codes.fill(0)
    for (let i = 0; i < parameters.length; i++) {
      const changed = parameters.slice()
      changed[i] = 0.1
      expect(() => packBlocks(layout, codes, changed)).toThrow('a parameter of a block must be')
    }
  })
})
