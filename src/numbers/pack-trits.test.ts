import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TersorError } from '../errors.ts'
import { packedTritsLength, packTrits, unpackTrits } from './pack-trits.ts'

function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    return error instanceof TersorError ? error.code : 'other'
  }
  return 'none'
}

describe('packTrits', () => {
  test('five digits a byte, in one part or two; and back', () => {
    const digits = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 40 }).map((list) => Uint8Array.from(list))
    fc.assert(
      fc.property(digits, fc.nat({ max: 40 }), (all, cut) => {
        const bytes = packTrits(all)
        const expected = Array.from({ length: Math.ceil(all.length / 5) }, (_, byte) =>
          [...all.subarray(5 * byte, 5 * byte + 5)].reduce((sum, digit, place) => sum + digit * 3 ** place, 0),
        )
        expect([...bytes]).toEqual(expected)
        const at = Math.min(cut, all.length)
        const parts = new Uint8Array(bytes.length)
        packTrits(all.subarray(0, at), parts)
        packTrits(all.subarray(at), parts, at)
        expect(parts).toEqual(bytes)
        expect(unpackTrits(bytes, new Uint8Array(all.length))).toEqual(all)
        expect([...unpackTrits(bytes, new Uint16Array(all.length - at), at)]).toEqual([...all.subarray(at)])
      }),
      { numRuns: 300 },
    )
  })

  test('known bytes and lengths', () => {
    expect([...packTrits(Uint8Array.of(2, 2, 2, 2, 2, 1))]).toEqual([242, 1])
    expect([...packTrits(Uint8Array.of(0, 1, 2, 0, 1))]).toEqual([102])
    expect([0, 1, 5, 6].map(packedTritsLength)).toEqual([0, 1, 1, 2])
  })

  test('refuses digits above 2, bytes above 242 and arrays that are too short', () => {
    expect(codeOf(() => packTrits(Uint8Array.of(0, 3)))).toBe('E_USAGE')
    expect(codeOf(() => packTrits(new Uint8Array(6), new Uint8Array(1)))).toBe('E_USAGE')
    expect(codeOf(() => unpackTrits(Uint8Array.of(243), new Uint8Array(1)))).toBe('E_FORMAT')
    expect(codeOf(() => unpackTrits(Uint8Array.of(1), new Uint8Array(6)))).toBe('E_FORMAT')
    expect(codeOf(() => packedTritsLength(-1))).toBe('E_LIMIT')
  })
})
