import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TersorError } from '../errors.ts'
import { halfOf, packCodes, packedLength, packInto, unpackCodes } from './int.ts'

describe('int', () => {
  test('low code first, the rest of the last byte zero', () => {
    expect([...packCodes(Uint8Array.of(1, 2, 15), 4)]).toEqual([0x21, 0x0f])
    expect([...packCodes(Uint8Array.of(0, 1, 2, 3, 3), 2)]).toEqual([0b11100100, 3])
    expect([...packCodes(Uint8Array.of(7, 255), 8)]).toEqual([7, 255])
  })

  test('flipped codes are two’s complement', () => {
    // Codes 0, 8, 15 of 4 bits are the values -8, 0, 7.
    expect([...packCodes(Uint8Array.of(0, 8, 15), 4, halfOf(4))]).toEqual([0x08, 0x07])
    expect([...new Int8Array(packCodes(Uint8Array.of(0, 128, 255), 8, halfOf(8)).buffer)]).toEqual([-128, 0, 127])
    expect([...packCodes(Uint8Array.of(0, 1, 2, 3), 2, halfOf(2))]).toEqual([0b01001110])
  })

  test('unpack is the reverse, for all widths, lengths and flips', () => {
    const arbitrary = fc
      .constantFrom(2, 4, 8)
      .chain((bits) => fc.tuple(fc.constant(bits), fc.array(fc.nat((1 << bits) - 1), { maxLength: 40 }), fc.boolean()))
    fc.assert(
      fc.property(arbitrary, ([bits, list, flipped]) => {
        const flip = flipped ? halfOf(bits) : 0
        const packed = packCodes(Uint8Array.from(list), bits, flip)
        expect(packed.length).toBe(packedLength(list.length, bits))
        expect([...unpackCodes(packed, list.length, bits, flip)]).toEqual(list)
      }),
    )
  })

  test.each([1, 2, 4, 8])('%i bits: codes come back, in as many bytes as said', (bits) => {
    for (const count of [0, 1, 7, 8, 33]) {
      const codes = Uint8Array.from({ length: count }, (_, i) => (i * 37) % 2 ** bits)
      const packed = packCodes(codes, bits)
      expect(packed).toHaveLength(packedLength(count, bits))
      expect(unpackCodes(packed, count, bits)).toEqual(codes)
    }
    expect(packedLength(32, bits)).toBe((32 * bits) / 8)
  })

  test('packInto touches its bytes only', () => {
    const target = new Uint8Array(4).fill(0xaa)
    packInto(Uint8Array.of(9, 1, 2, 3), 1, 3, 4, 0, target, 1)
    expect([...target]).toEqual([0xaa, 0x21, 0x03, 0xaa])
  })

  test('too few bytes', () => {
    expect(() => unpackCodes(new Uint8Array(1), 3, 4)).toThrow(TersorError)
  })
})
