import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeText, encodeText } from './text.ts'

describe('text', () => {
  it('loses nothing of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect([...encodeText(decodeText(bytes))]).toEqual([...bytes])
      }),
      { numRuns: 2000, seed: 20261123 },
    )
  })

  it('is plain UTF-8 where the bytes are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (text) => {
        expect(decodeText(new TextEncoder().encode(text))).toBe(text)
        expect([...encodeText(text)]).toEqual([...new TextEncoder().encode(text)])
      }),
      { seed: 20261123 },
    )
  })

  it.each([
    ['overlong forms', [0xc0, 0x80, 0xe0, 0x80, 0x80, 0xf0, 0x80, 0x80, 0x80]],
    ['surrogates', [0xed, 0xa0, 0x80, 0xed, 0xbf, 0xbf]],
    ['beyond Unicode', [0xf4, 0x90, 0x80, 0x80, 0xf5, 0xff]],
    ['sequences cut off', [0x41, 0xc3, 0x41, 0xe6, 0xbc, 0x41, 0xf0, 0x9f, 0x98]],
    ['a byte order mark', [0xef, 0xbb, 0xbf, 0x41]],
  ])('keeps %s', (_, bytes) => {
    expect([...encodeText(decodeText(Uint8Array.from(bytes)))]).toEqual(bytes)
  })

  it('keeps different bytes different', () => {
    expect(decodeText(Uint8Array.of(0xff))).not.toBe(decodeText(Uint8Array.of(0xfe)))
  })
})
