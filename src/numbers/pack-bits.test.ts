import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TersorError } from '../errors.ts'
import { packBits, packedBitsLength, unpackBits } from './pack-bits.ts'

function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    return error instanceof TersorError ? error.code : 'other'
  }
  return 'none'
}

/** The stream as one big integer. */
function definition(codes: ArrayLike<number>, bits: number): number[] {
  let whole = 0n
  for (let index = codes.length - 1; index >= 0; index--) whole = (whole << BigInt(bits)) | BigInt(codes[index]!)
  return Array.from({ length: Math.ceil((codes.length * bits) / 8) }, (_, byte) =>
    Number((whole >> BigInt(8 * byte)) & 255n),
  )
}

const streams = fc.integer({ min: 1, max: 16 }).chain((bits) =>
  fc.record({
    bits: fc.constant(bits),
    codes: fc
      .array(fc.integer({ min: 0, max: 2 ** bits - 1 }), { maxLength: 60 })
      .map((list) => Uint16Array.from(list)),
    cut: fc.nat({ max: 60 }),
  }),
)

describe('packBits', () => {
  test('is the big integer, lowest bits first; in one part or two; and back', () => {
    fc.assert(
      fc.property(streams, ({ bits, codes, cut }) => {
        const bytes = packBits(codes, bits)
        expect([...bytes]).toEqual(definition(codes, bits))
        const at = Math.min(cut, codes.length)
        const parts = new Uint8Array(bytes.length)
        packBits(codes.subarray(0, at), bits, parts)
        packBits(codes.subarray(at), bits, parts, at)
        expect(parts).toEqual(bytes)
        expect(unpackBits(bytes, bits, new Uint16Array(codes.length))).toEqual(codes)
        expect(unpackBits(bytes, bits, new Uint16Array(codes.length - at), at)).toEqual(codes.subarray(at))
      }),
      { numRuns: 300 },
    )
  })

  test('known bytes', () => {
    expect([...packBits(Uint8Array.of(1, 2, 3), 4)]).toEqual([0x21, 0x03])
    expect([...packBits(Uint8Array.of(1, 0, 1, 1, 0, 0, 0, 1, 1), 1)]).toEqual([0x8d, 0x01])
    expect([...packBits(Uint16Array.of(0xabcd), 16)]).toEqual([0xcd, 0xab])
    expect([...packBits(Uint8Array.of(7, 0, 5), 3)]).toEqual([0x47, 0x01])
  })

  test('lengths', () => {
    expect(packedBitsLength(0, 3)).toBe(0)
    expect(packedBitsLength(9, 3)).toBe(4)
    expect(packedBitsLength(2 ** 50, 5)).toBe(2 ** 47 * 5)
    expect(codeOf(() => packedBitsLength(-1, 3))).toBe('E_LIMIT')
    expect(codeOf(() => packedBitsLength(1.5, 3))).toBe('E_LIMIT')
    expect(codeOf(() => packedBitsLength(2 ** 53, 3))).toBe('E_LIMIT')
  })

  test('refuses wrong widths, codes that do not fit, and arrays that are too short', () => {
    for (const bits of [0, 17, 1.5, Number.NaN]) expect(codeOf(() => packBits(new Uint8Array(1), bits))).toBe('E_USAGE')
    expect(codeOf(() => packBits(Uint8Array.of(3, 4), 2))).toBe('E_USAGE')
    expect(codeOf(() => packBits(Uint8Array.of(1, 1, 1), 4, new Uint8Array(1)))).toBe('E_USAGE')
    expect(codeOf(() => packBits(Uint8Array.of(1), 4, new Uint8Array(1), 2))).toBe('E_USAGE')
    expect(codeOf(() => unpackBits(new Uint8Array(1), 3, new Uint8Array(3)))).toBe('E_FORMAT')
    expect(codeOf(() => unpackBits(new Uint8Array(4), 9, new Uint8Array(3)))).toBe('E_USAGE')
  })

  test('nothing in, nothing touched', () => {
    const target = Uint8Array.of(255, 255)
    packBits(new Uint8Array(0), 3, target, 1)
    expect([...target]).toEqual([255, 255])
  })
})
